/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The attributes of FIFOs and directories on a mount: lifetime, linger, grace, ...
 *
 * On the mount they are xattrs with "fifofs." before the name; here they go without it.
 */
#pragma once

#include <errno.h>
#include <glib.h>

/* One to be set. */
typedef struct {
    char *name;
    /* "": whatever the directory has. */
    char *value;
} Attribute;

void attribute_free(Attribute *attribute);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Attribute, attribute_free)

/**
 * attribute_parse() - NAME=VALUE
 *
 * Return: a new attribute, or NULL where there is none of that name or the value will not do, which
 * has been said.
 */
Attribute *attribute_parse(const char *word);

/* Return: whether there is an attribute of that name that can be read; where not, says so. */
gboolean attribute_is_known(const char *name);

/* The daemon has given up the right to look into processes, which the attribute needs. */
#define ATTRIBUTES_UNTRACED (-ENOTRECOVERABLE)

/**
 * attributes_apply() - set some attributes of one file
 * @fd:         any descriptor of it, O_PATH as well
 * @attributes: array of Attribute
 *
 * Return: 0 or, of the first that could not be set, ATTRIBUTES_UNTRACED or -errno.
 */
int attributes_apply(int fd, const GPtrArray *attributes);

/**
 * attributes_each() - all attributes of one file
 * @fd: any descriptor of it, O_PATH as well
 *
 * Return: 0 or -errno.
 */
int attributes_each(int fd, void (*visit)(const char *name, const char *value, gpointer data),
                    gpointer data);

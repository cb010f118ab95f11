/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of the process that serves: find what another one may have left, put the parts together,
 * serve, take apart. What it shares with its supervisor is in handover.h.
 */
#pragma once

#include "arguments.h"

/* Return: the exit code. */
int ff_work(FfArguments *arguments);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pipeline as a graph: its stages, its FIFOs, and who gets which how. */
#pragma once

#include "picture.h"
#include "pipeline.h"

/* @pipeline: one that has been checked. */
Picture *pipeline_picture(const Pipeline *pipeline);

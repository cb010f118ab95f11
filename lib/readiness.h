/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be done with a descriptor at this moment. */
#pragma once

/**
 * ff_readiness_now() - look, and do not wait
 * @events: as for poll(2), which tells of POLLERR, POLLHUP and POLLNVAL in any case
 *
 * A signal that comes just then is none of the events: poll(2) fails with EINTR although it would not
 * wait.
 *
 * Return: those that there are.
 */
short ff_readiness_now(int fd, short events);

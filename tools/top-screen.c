/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define NCURSES_WIDECHAR 1

#include "top-screen.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "message.h"
#include "terminal.h"
#include "top-lines.h"

/* Less than this shows nothing of use. */
#define LEAST_COLUMNS 40
#define LEAST_LINES   8

/* Above the rows: the head and the headings; below: the keys. */
#define LINES_ABOVE (LINES_HEAD + 1)
#define LINES_BELOW 1

enum { PAIR_STUCK = 1, PAIR_FULL };

static SCREEN *screen;
/* Which row is the first that is seen. */
static guint first_row;
/* What is written to stderr would spoil the screen, so it is kept here; and the real one. */
static int messages = -1, real_stderr = -1;

/* --- stderr --- */

static void keep_messages(void)
{
    messages = memfd_create("messages", MFD_CLOEXEC);
    real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (messages >= 0 && real_stderr >= 0)
        dup2(messages, STDERR_FILENO);
}

static void release_messages(void)
{
    if (real_stderr < 0)
        return;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    real_stderr = -1;
}

char *screen_take_message(void)
{
    char text[1024];
    off_t end = lseek(messages, 0, SEEK_END);
    gssize length;
    char *last;

    if (messages < 0 || end <= 0)
        return NULL;
    length = pread(messages, text, sizeof text - 1, MAX(end - (off_t)(sizeof text - 1), 0));
    /* Both descriptors share the offset at which the next one is written. */
    if (ftruncate(messages, 0) == 0)
        lseek(messages, 0, SEEK_SET);
    if (length <= 0)
        return NULL;
    text[length] = '\0';
    g_strchomp(text);
    last = strrchr(text, '\n');
    return message_safe(last == NULL ? text : last + 1);
}

/* --- begin and end --- */

static void start_colours(void)
{
    if (g_getenv("NO_COLOR") != NULL || !has_colors())
        return;
    start_color();
    use_default_colors();
    init_pair(PAIR_STUCK, COLOR_RED, -1);
    init_pair(PAIR_FULL, COLOR_YELLOW, -1);
}

gboolean screen_start(void)
{
    if (!terminal_can_be_drawn_on()) {
        message_error("no terminal that could show it", "top",
                      "use 'fifoctl top -b' or 'fifoctl ls'");
        return FALSE;
    }
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL) {
        message_error("no terminal that could show it", "top", "check TERM");
        return FALSE;
    }
    keep_messages();
    start_colours();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    curs_set(0);
    return TRUE;
}

void screen_end(void)
{
    if (screen == NULL)
        return;
    endwin();
    release_messages();
    screen = NULL;
}

/* --- keys --- */

static gint32 function_key(wint_t key)
{
    switch (key) {
    case KEY_UP:
        return SCREEN_UP;
    case KEY_DOWN:
        return SCREEN_DOWN;
    case KEY_PPAGE:
        return SCREEN_PAGE_UP;
    case KEY_NPAGE:
        return SCREEN_PAGE_DOWN;
    case KEY_HOME:
        return SCREEN_HOME;
    case KEY_END:
        return SCREEN_END;
    case KEY_BACKSPACE:
        return SCREEN_BACKSPACE;
    case KEY_F(1):
        return SCREEN_HELP;
    case KEY_F(4):
        return SCREEN_FILTER;
    case KEY_F(6):
        return SCREEN_SORT;
    case KEY_F(10):
        return SCREEN_QUIT;
    case KEY_RESIZE:
        return SCREEN_RESIZED;
    case KEY_ENTER:
        return '\n';
    default:
        return SCREEN_OTHER;
    }
}

gint32 screen_key(void)
{
    wint_t key;

    switch (get_wch(&key)) {
    case OK:
        return key == 127 || key == '\b' ? SCREEN_BACKSPACE : key == '\r' ? '\n' : (gint32)key;
    case KEY_CODE_YES:
        return function_key(key);
    default:
        return SCREEN_NO_KEY;
    }
}

/* --- drawing --- */

int screen_width(void)
{
    return COLS;
}

int screen_page(void)
{
    return MAX(LINES - LINES_ABOVE - LINES_BELOW, 1);
}

static void put_line(int y, const char *text, attr_t attributes)
{
    g_autofree char *fitting = lines_fit(text, COLS, FALSE, FALSE);

    attrset(attributes);
    mvaddstr(y, 0, fitting);
    attrset(A_NORMAL);
}

static attr_t row_attributes(const ViewRow *row)
{
    gboolean stuck = row->holder == NULL ? strcmp(fifo_state(row->fifo), "stuck") == 0
                                         : row->holder->stuck;

    if (stuck)
        return A_BOLD | COLOR_PAIR(PAIR_STUCK);
    if (row->holder == NULL && fifo_is_full(row->fifo))
        return A_BOLD | COLOR_PAIR(PAIR_FULL);
    return A_NORMAL;
}

static void scroll_to_selected(const View *view)
{
    guint selected = view_selected(view), page = (guint)screen_page();

    if (selected < first_row)
        first_row = selected;
    if (selected >= first_row + page)
        first_row = selected - page + 1;
    if (first_row + page > view_rows(view)->len)
        first_row = view_rows(view)->len > page ? view_rows(view)->len - page : 0;
}

static void draw_rows(const View *view)
{
    Layout layout = lines_layout(view, COLS);
    g_autofree char *headings = lines_headings(&layout);
    guint page = (guint)screen_page();

    put_line(LINES_HEAD, headings, A_REVERSE);
    scroll_to_selected(view);
    for (guint i = 0; i < page && first_row + i < view_rows(view)->len; i++) {
        g_autofree char *line = lines_row(view, &layout, first_row + i);
        attr_t attributes = row_attributes(&g_array_index(view_rows(view), ViewRow, first_row + i));

        if (first_row + i == view_selected(view))
            attributes |= A_REVERSE;
        put_line(LINES_ABOVE + (int)i, line, attributes);
    }
}

gboolean screen_is_too_small(void)
{
    return COLS < LEAST_COLUMNS || LINES < LEAST_LINES;
}

void screen_draw(const View *view, const char *prompt, const char *notice)
{
    erase();
    if (screen_is_too_small()) {
        put_line(0, "the terminal is too small", A_NORMAL);
    } else {
        for (guint i = 0; i < LINES_HEAD; i++) {
            g_autofree char *line = lines_head(view, i);

            put_line((int)i, i == LINES_HEAD - 1 && notice != NULL ? notice : line, A_NORMAL);
        }
        draw_rows(view);
        put_line(LINES - 1,
                 prompt != NULL ? prompt
                                : "q quit  / filter  <> sort  r reverse  Enter processes  "
                                  "w waiting  R release  h help",
                 prompt != NULL ? A_BOLD : A_DIM);
    }
    refresh();
}

void screen_draw_help(void)
{
    static const char *const lines[] = {
        "fifoctl top: keys",
        "",
        "  q F10         quit",
        "  Up Down j k PgUp PgDn Home End    move",
        "  < > F6 s      sort by the column before or behind",
        "  r I           reverse the order",
        "  / F4          show only FIFOs with a text in their path; Esc: all",
        "  u             show only FIFOs of a user, or that a user is on",
        "  w             show only FIFOs that somebody waits for in open()",
        "  Enter         processes of this FIFO",
        "  p             processes of all FIFOs",
        "  R             release who waits in open() of this FIFO",
        "  d             change the delay",
        "  Space         look now",
        "",
        "Rates are those of all mounts. How many bytes go through a FIFO",
        "is known to nobody: no program is asked, and the kernel does not count.",
        "",
        "Any key goes back.",
    };

    erase();
    for (guint i = 0; i < G_N_ELEMENTS(lines) && (int)i < LINES; i++)
        put_line((int)i, lines[i], i == 0 ? A_BOLD : A_NORMAL);
    refresh();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "live-terminal.h"
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct _LusLiveTerminal {
  LusLiveKey on_key;
  LusLiveAnswer on_answer; /* NULL: keys are keys */
  gpointer user_data;
  gboolean raw;            /* standard input is a terminal, and was set to single keys */
  gboolean bar;            /* standard error is one */
  struct termios before;
  guint source;
  char *question, *shown;
  GString *answer;
};

static void draw(LusLiveTerminal *terminal)
{
  if (!terminal->bar)
    return;
  if (terminal->on_answer)
    fprintf(stderr, "\r\033[K%s %s", terminal->question, terminal->answer->str);
  else
    fprintf(stderr, "\r\033[K%s", terminal->shown ? terminal->shown : "");
  fflush(stderr);
}

static void finish_answer(LusLiveTerminal *terminal, gboolean given)
{
  LusLiveAnswer on_answer = terminal->on_answer;
  g_autofree char *text = g_strdup(terminal->answer->str);
  terminal->on_answer = NULL;
  g_string_truncate(terminal->answer, 0);
  draw(terminal);
  if (given)
    on_answer(text, terminal->user_data);
}

static void take_answer_key(LusLiveTerminal *terminal, char c)
{
  if (c == '\n' || c == '\r') {
    finish_answer(terminal, TRUE);
    return;
  }
  if (c == '\033') {
    finish_answer(terminal, FALSE);
    return;
  }
  if ((c == '\b' || c == '\177') && terminal->answer->len)
    g_string_truncate(terminal->answer, terminal->answer->len - 1);
  else if (g_ascii_isprint(c) && terminal->answer->len < 15)
    g_string_append_c(terminal->answer, c);
  draw(terminal);
}

static gboolean on_input(gint fd, GIOCondition condition, gpointer user_data)
{
  (void)condition;
  LusLiveTerminal *terminal = user_data;
  char bytes[64];
  gssize n = read(fd, bytes, sizeof bytes);
  if (n <= 0) { /* the end of a file or pipe: no more keys, but the pictures go on */
    terminal->source = 0;
    return G_SOURCE_REMOVE;
  }
  for (gssize i = 0; i < n; i++) {
    const char key[2] = {bytes[i], '\0'};
    if (terminal->on_answer)
      take_answer_key(terminal, bytes[i]);
    else if (g_ascii_isgraph(bytes[i]))
      terminal->on_key(key, terminal->user_data);
  }
  return G_SOURCE_CONTINUE;
}

LusLiveTerminal *lus_live_terminal_new(LusLiveKey on_key, gpointer user_data)
{
  LusLiveTerminal *terminal = g_new0(LusLiveTerminal, 1);
  terminal->on_key = on_key;
  terminal->user_data = user_data;
  terminal->answer = g_string_new(NULL);
  terminal->bar = isatty(STDERR_FILENO);
  if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &terminal->before) == 0) {
    struct termios keys = terminal->before;
    keys.c_lflag &= (tcflag_t)~(ICANON | ECHO); /* Ctrl-C still interrupts */
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    terminal->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &keys) == 0;
  }
  terminal->source = g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, terminal);
  return terminal;
}

void lus_live_terminal_ask(LusLiveTerminal *terminal, const char *question, LusLiveAnswer on_answer)
{
  g_free(terminal->question);
  terminal->question = g_strdup(question);
  terminal->on_answer = on_answer;
  g_string_truncate(terminal->answer, 0);
  draw(terminal);
}

void lus_live_terminal_withdraw(LusLiveTerminal *terminal)
{
  if (terminal->on_answer)
    finish_answer(terminal, FALSE);
}

void lus_live_terminal_show(LusLiveTerminal *terminal, const char *text)
{
  if (g_strcmp0(text, terminal->shown) == 0)
    return;
  g_free(terminal->shown);
  terminal->shown = g_strdup(text);
  if (terminal->bar)
    draw(terminal);
  else
    fprintf(stderr, "%s\n", text);
}

void lus_live_terminal_say(LusLiveTerminal *terminal, const char *text)
{
  if (terminal->bar)
    fputs("\r\033[K", stderr);
  fprintf(stderr, "%s\n", text);
  draw(terminal);
}

void lus_live_terminal_free(LusLiveTerminal *terminal)
{
  if (!terminal)
    return;
  if (terminal->source)
    g_source_remove(terminal->source);
  if (terminal->raw)
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
  if (terminal->bar && terminal->shown)
    fputc('\n', stderr);
  g_string_free(terminal->answer, TRUE);
  g_free(terminal->question);
  g_free(terminal->shown);
  g_free(terminal);
}

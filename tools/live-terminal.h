/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Single keys and short numbers from standard input, a terminal or not, within the default main context. */
typedef struct _LusLiveTerminal LusLiveTerminal;

/** @on_key: a key was pressed, "1"... as GstNavigation names it. */
typedef void (*LusLiveKey)(const char *key, gpointer user_data);
/** @on_number: a line was entered after lus_live_terminal_ask(); @text may be empty. */
typedef void (*LusLiveAnswer)(const char *text, gpointer user_data);

/** A terminal gives single keys, without echo, until free(). */
LusLiveTerminal *lus_live_terminal_new(LusLiveKey on_key, gpointer user_data);
/** The keys up to the next Enter are one answer; Escape gives it up. */
void lus_live_terminal_ask(LusLiveTerminal *terminal, const char *question, LusLiveAnswer on_answer);
/** Gives up an open question: what it asked about is over. */
void lus_live_terminal_withdraw(LusLiveTerminal *terminal);
/** Shows @text in the last line of the terminal; where standard error is none, as a line of its own if it is new. */
void lus_live_terminal_show(LusLiveTerminal *terminal, const char *text);
/** A line that stays, above the last line. */
void lus_live_terminal_say(LusLiveTerminal *terminal, const char *text);
void lus_live_terminal_free(LusLiveTerminal *terminal);

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train-options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define RUN_GROUP "run" /* where and how it runs: without influence on the result */
#define AUGMENT_GROUP "augmentation" /* where each method's name is a key as well */

typedef enum { TEXT, FILE_NAME, WHOLE, LONG, REAL } Kind;

typedef struct {
  const char *group, *key;
  char letter; /* of the short flag, or 0 */
  Kind kind;
  gsize offset;         /* in LusTrainOptions */
  const char *fallback; /* NULL: none */
  double low, high;     /* of numbers */
  const char *help, *argument;
} Option;

#define AT(field) offsetof(LusTrainOptions, field)
static const Option table[] = {
  {RUN_GROUP, "output", 'o', FILE_NAME, AT(output), NULL, 0, 0, "Where to write the model (ONNX)", "MODEL"},
  {"data", "size", 0, TEXT, AT(size), "256x256", 0, 0, "Input size, multiples of 32 (default 256x256)", "WxH"},
  {"data", "experts", 0, TEXT, AT(experts), NULL, 0, 0,
   "Annotators to learn from, fused ones too (default: all that are not fused, averaged)", "A,B,..."},
  {"network", "encoder", 0, TEXT, AT(encoder), "residual", 0, 0,
   "residual (default), resnet18, resnet34 or mobilenet_v2", "NAME"},
  {"network", "widths", 0, TEXT, AT(widths), NULL, 0, 0, "Residual encoder: widths at 1/4, 1/8, 1/16, 1/32", "A,B,C,D"},
  {"network", "width", 0, WHOLE, AT(width), NULL, 16, 512,
   "Other encoders: width of the stem, a multiple of 16 (default 64 for resnets, 32 for mobilenet_v2)", "N"},
  {"network", "init", 0, FILE_NAME, AT(initial), NULL, 0, 0,
   "Model of the same kind of network whose weights to begin with (default: random weights)", "MODEL"},
  {"network", "average", 0, FILE_NAME, AT(average), NULL, 0, 0,
   "Another one: begin with the mean of its weights and those of --init", "MODEL"},
  {"learning", "target", 0, TEXT, AT(target), "threshold:60", 0, 0,
   "How confidences become targets, see below (default threshold:60)", "METHOD"},
  {"learning", "loss", 0, TEXT, AT(loss), "2*bce+dice", 0, 0, "A sum of losses, see below (default 2*bce+dice)",
   "SUM"},
  {"learning", "steps", 0, WHOLE, AT(steps), "3000", 0, 1e8, "Optimiser steps (default 3000); 0 with --init: only calibrate", "N"},
  {"learning", "batch", 0, WHOLE, AT(batch), "8", 1, 256, "Samples per step (default 8)", "N"},
  {"learning", "balance", 0, REAL, AT(balance), "0", 0, 1,
   "How much more often samples with rare classes come: 0 (default) not at all, 1: each class equally often", "SHARE"},
  {"learning", "seed", 0, LONG, AT(seed), "1", 0, 9e15, "Seed of weights, samples and phantom (default 1)", "N"},
  {"learning", "optimizer", 0, TEXT, AT(optimizer), "adamw", 0, 0, "adamw (default) or sgd", "NAME"},
  {"learning", "learning-rate", 0, REAL, AT(learning_rate), NULL, 1e-9, 100,
   "Peak learning rate (default 0.002 for adamw, 0.02 for sgd)", "RATE"},
  {"learning", "warmup", 0, WHOLE, AT(warm_up), "50", 0, 1e8,
   "Steps in which the learning rate rises to its peak (default 50)", "N"},
  {"learning", "momentum", 0, REAL, AT(momentum), "0.9", 0, 0.9999, "Of sgd (default 0.9)", "SHARE"},
  {"learning", "weight-decay", 0, REAL, AT(weight_decay), "0.001", 0, 10,
   "Pull of the weights to 0, times the learning rate (default 0.001)", "RATE"},
  {"learning", "clip", 0, REAL, AT(clip), "2", 0, 1e9, "Longest gradient, 0: as it is (default 2)", "NORM"},
  {"learning", "ema", 0, REAL, AT(ema), "0.998", 0, 0.999999,
   "Decay of the averaged weights, which are those saved; 0: the last ones (default 0.998)", "DECAY"},
  {AUGMENT_GROUP, "augment", 0, TEXT, AT(augment), NULL, 0, 0,
   "Strengths of the augmentation, see below: none, and changes like flip=0,shadow=2 (default: all at 1)", "LIST"},
  {"validation", "held-out", 0, WHOLE, AT(held_out), "256", 1, 1e6,
   "Phantom stills kept from training, for validation and calibration (default 256); data sets have a split", "N"},
  {"validation", "best-mask", 0, REAL, AT(best_mask), "0.6", 0.01, 0.99,
   "Confidence at which calibration puts the held-out samples' best mask (default 0.6, where masks are cut)", "CONFIDENCE"},
  {"validation", "validation-interval", 0, WHOLE, AT(validation_interval), "500", 0, 1e8,
   "Steps between validations, 0: none (default 500)", "N"},
  {"validation", "patience", 0, WHOLE, AT(patience), "0", 0, 1e6,
   "Stop after so many validations without a better Dice, and keep the best weights; 0: never (default)", "N"},
  {RUN_GROUP, "threads", 0, WHOLE, AT(threads), "0", 0, 1024,
   "Threads; the result does not depend on them (default: all)", "N"},
  {RUN_GROUP, "log", 0, FILE_NAME, AT(log), NULL, 0, 0,
   "CSV with a row per step: loss, learning rate, gradient norm, validation Dice, seconds", "FILE"},
  {RUN_GROUP, "checkpoint", 0, FILE_NAME, AT(checkpoint), NULL, 0, 0,
   "State of an unfinished training, removed at the end (default MODEL.checkpoint)", "FILE"},
  {RUN_GROUP, "checkpoint-interval", 0, WHOLE, AT(checkpoint_interval), "200", 1, 1e8,
   "Steps between checkpoints (default 200)", "N"},
  {"record", "licence", 0, TEXT, AT(licence), NULL, 0, 0, "Licence recorded in the model", "TEXT"},
  {"record", "probes", 0, TEXT, AT(probes), NULL, 0, 0, "What the model is made for, recorded in it", "TEXT"},
};
#define N_OPTIONS ((int)G_N_ELEMENTS(table))

static int find(const char *key)
{
  for (int i = 0; i < N_OPTIONS; i++)
    if (g_str_equal(table[i].key, key))
      return i;
  g_assert_not_reached();
}

/** "--steps x" or "FILE: [learning] steps = x". */
static char *origin(const LusTrainOptions *o, int i)
{
  if (o->in_file[i])
    return g_strdup_printf("%s: [%s] %s = %s", o->config_file, table[i].group, table[i].key, o->values[i]);
  return g_strdup_printf("--%s %s", table[i].key, o->values[i] ? o->values[i] : "");
}

int lus_train_options_bad(const LusTrainOptions *options, const char *key, const char *message)
{
  int i = find(key);
  g_autofree char *place = origin(options, i), *text = g_strdup_printf("%s: %s", place, message);
  if (!options->in_file[i])
    return lus_tool_usage(options->command, text);
  fprintf(stderr, "lus %s: %s\n", options->command, text);
  return LUS_EXIT_ERROR;
}

static gboolean read_number(double *value, const Option *option, const char *text)
{
  char *end = NULL;
  if (option->kind == REAL)
    *value = g_ascii_strtod(text, &end);
  else
    *value = (double)g_ascii_strtoll(text, &end, 10);
  return end != text && *end == '\0' && *value >= option->low && *value <= option->high;
}

/** The effective text into the option's field; an exit code. */
static int store(LusTrainOptions *o, int i)
{
  const Option *option = &table[i];
  char *field = (char *)o + option->offset, *text = o->values[i];
  if (option->kind == TEXT || option->kind == FILE_NAME) {
    memcpy(field, &text, sizeof text);
    return LUS_EXIT_DONE;
  }
  double value = 0;
  if (text && !read_number(&value, option, text)) {
    g_autofree char *message = g_strdup_printf("must be a %snumber from %g to %g", option->kind == REAL ? "" : "whole ",
                                               option->low, option->high);
    return lus_train_options_bad(o, option->key, message);
  }
  if (option->kind == REAL)
    memcpy(field, &value, sizeof value);
  else if (option->kind == LONG)
    memcpy(field, &(gint64){(gint64)value}, sizeof(gint64));
  else
    memcpy(field, &(int){(int)value}, sizeof(int));
  return LUS_EXIT_DONE;
}

static gboolean is_augment(const char *group, const char *key)
{
  for (int i = 0; g_str_equal(group, AUGMENT_GROUP) && i < LUS_AUGMENT_N; i++)
    if (g_str_equal(key, lus_augment_name((LusAugmentMethod)i)))
      return TRUE;
  return FALSE;
}

/** The file's strengths as one text before that of the command line, which so wins. */
static gboolean read_augment(LusTrainOptions *o, GKeyFile *file, GError **error)
{
  int option = find("augment");
  g_autoptr(GString) text = g_string_new(NULL);
  g_auto(GStrv) keys = g_key_file_get_keys(file, AUGMENT_GROUP, NULL, NULL);
  for (int i = 0; keys && keys[i]; i++) {
    g_autofree char *value = g_key_file_get_string(file, AUGMENT_GROUP, keys[i], NULL);
    g_autofree char *part =
      g_str_equal(keys[i], "augment") ? g_strdup(value) : g_strdup_printf("%s=%s", keys[i], value ? value : "");
    LusAugment augment;
    lus_augment_init(&augment);
    if (!part || !lus_augment_parse(&augment, part, error)) {
      g_prefix_error(error, "%s: [%s] %s: ", o->config_file, AUGMENT_GROUP, keys[i]);
      return FALSE;
    }
    g_string_append_printf(text, "%s%s", text->len > 0 ? "," : "", part);
  }
  if (text->len == 0)
    return TRUE;
  char *all = o->values[option] ? g_strdup_printf("%s,%s", text->str, o->values[option]) : g_strdup(text->str);
  g_free(o->values[option]);
  o->values[option] = all;
  return TRUE;
}

static gboolean is_left_out(const LusTrainOptions *o, int i)
{
  return o->without && g_strv_contains(o->without, table[i].key);
}

/** Keys that no option has, or that the command has no use for. */
static gboolean check_keys(const LusTrainOptions *o, GKeyFile *file, GError **error)
{
  const char *path = o->config_file;
  g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
  for (int g = 0; groups[g]; g++) {
    g_auto(GStrv) keys = g_key_file_get_keys(file, groups[g], NULL, error);
    if (!keys)
      return FALSE;
    for (int k = 0; keys[k]; k++) {
      const Option *option = NULL;
      for (int i = 0; i < N_OPTIONS && !option; i++)
        if (g_str_equal(table[i].key, keys[k]))
          option = &table[i];
      gboolean left_out = option && is_left_out(o, (int)(option - table));
      if ((option && !left_out && g_str_equal(option->group, groups[g])) || is_augment(groups[g], keys[k]))
        continue;
      if (left_out)
        g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: [%s] %s: is not for 'lus %s'; remove it", path, groups[g],
                    keys[k], o->command);
      else if (option)
        g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: [%s] %s: this key belongs to the group [%s]", path,
                    groups[g], keys[k], option->group);
      else
        g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                    "%s: [%s] %s: there is no such key; 'lus train --help' lists the flags, which are the keys", path,
                    groups[g], keys[k]);
      return FALSE;
    }
  }
  return TRUE;
}

/** A key file's later line would win over the earlier one without a word. */
static gboolean check_twice(const char *path, GError **error)
{
  g_autofree char *text = NULL, *group = NULL;
  if (!g_file_get_contents(path, &text, NULL, error))
    return FALSE;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (int i = 0; lines[i]; i++) {
    char *line = g_strstrip(lines[i]), *end = strchr(line, *line == '[' ? ']' : '=');
    if (*line == '#' || !end)
      continue;
    *end = '\0';
    if (*line == '[') {
      g_free(group);
      group = g_strdup(line + 1);
      continue;
    }
    char *key = g_strdup_printf("[%s] %s", group, g_strchomp(line));
    int before = GPOINTER_TO_INT(g_hash_table_lookup(seen, key));
    if (before > 0)
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: %s: stands in line %d already; remove one of them", path,
                  i + 1, key, before);
    g_hash_table_insert(seen, key, GINT_TO_POINTER(i + 1));
    if (before > 0)
      return FALSE;
  }
  return TRUE;
}

/** What the file says of options that the command line left open. */
static gboolean read_file(LusTrainOptions *o, GError **error)
{
  g_autoptr(GKeyFile) file = g_key_file_new();
  if (!g_key_file_load_from_file(file, o->config_file, G_KEY_FILE_KEEP_TRANSLATIONS, error)) {
    g_prefix_error(error, "%s: ", o->config_file);
    return FALSE;
  }
  if (!check_keys(o, file, error) || !check_twice(o->config_file, error) || !read_augment(o, file, error))
    return FALSE;
  for (int i = 0; i < N_OPTIONS; i++) {
    if (o->values[i] || !g_key_file_has_key(file, table[i].group, table[i].key, NULL))
      continue;
    o->values[i] = g_key_file_get_string(file, table[i].group, table[i].key, error);
    if (!o->values[i]) {
      g_prefix_error(error, "%s: [%s] %s: ", o->config_file, table[i].group, table[i].key);
      return FALSE;
    }
    o->in_file[i] = TRUE;
  }
  return TRUE;
}

/** The command's own flags, then those of the table. */
static GArray *make_entries(LusTrainOptions *options, const GOptionEntry *more)
{
  GArray *entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
  for (; more && more->long_name; more++)
    g_array_append_val(entries, *more);
  for (int i = 0; i < N_OPTIONS; i++) {
    GOptionArg arg = table[i].kind == FILE_NAME ? G_OPTION_ARG_FILENAME : G_OPTION_ARG_STRING;
    GOptionEntry entry = {table[i].key,  table[i].letter,  0, arg, &options->values[i],
                          table[i].help, table[i].argument};
    if (!is_left_out(options, i))
      g_array_append_val(entries, entry);
  }
  GOptionEntry config = {"config", 0, 0, G_OPTION_ARG_FILENAME, &options->config_file,
                         "Key file with any of train's flags; flags win over it (docs/learning.md)", "FILE"};
  g_array_append_val(entries, config);
  return entries;
}

int lus_train_options_parse(LusTrainOptions *options, const char *command, const GOptionEntry *more,
                            const char *const *without, int argc, char **argv, const char *description,
                            char ***arguments)
{
  *options = (LusTrainOptions){.command = command, .without = without, .values = g_new0(char *, N_OPTIONS),
                               .in_file = g_new0(gboolean, N_OPTIONS)};
  g_autoptr(GArray) entries = make_entries(options, more);
  int code = lus_tool_parse(argc, argv, (const GOptionEntry *)(const void *)entries->data, "DATASET", description, 1,
                            1, arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  GError *error = NULL;
  if (options->config_file && !read_file(options, &error))
    return lus_tool_fail(command, error);
  for (int i = 0; i < N_OPTIONS && code == LUS_EXIT_DONE; i++) {
    if (!options->values[i])
      options->values[i] = g_strdup(table[i].fallback);
    code = store(options, i);
  }
  return code;
}

void lus_train_options_clear(LusTrainOptions *options)
{
  for (int i = 0; options->values && i < N_OPTIONS; i++)
    g_free(options->values[i]);
  g_free(options->values);
  g_free(options->in_file);
  g_free(options->config_file);
}

void lus_train_options_set(LusTrainOptions *options, const char *key, const char *text)
{
  int i = find(key);
  g_free(options->values[i]);
  options->values[i] = g_strdup(text);
  if (table[i].kind == TEXT || table[i].kind == FILE_NAME)
    store(options, i);
}

json_t *lus_train_options_record(const LusTrainOptions *options)
{
  json_t *root = json_object();
  for (int i = 0; i < N_OPTIONS; i++) {
    if (!options->values[i] || g_str_equal(table[i].group, RUN_GROUP))
      continue;
    json_t *group = json_object_get(root, table[i].group);
    if (!group) {
      group = json_object();
      json_object_set_new(root, table[i].group, group);
    }
    g_autofree char *text = g_utf8_make_valid(options->values[i], -1);
    json_object_set_new(group, table[i].key, json_string(text));
  }
  return root;
}

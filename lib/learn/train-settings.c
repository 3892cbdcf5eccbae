/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/train-settings.h"
#include "nn/error.h"

#include <string.h>

#define FINGERPRINT_START G_GUINT64_CONSTANT(14695981039346656037)

/** A fast 64-bit fingerprint of pictures and labels (multiply and rotate, after FNV-1a), so that a checkpoint is not
 *  continued on other data. */
static guint64 fingerprint(guint64 hash, const guint8 *data, gsize n)
{
  gsize i = 0;
  for (; i + 8 <= n; i += 8) {
    guint64 word;
    memcpy(&word, data + i, 8);
    hash = (hash ^ GUINT64_FROM_LE(word)) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
  }
  for (; i < n; i++)
    hash = (hash ^ data[i]) * G_GUINT64_CONSTANT(0x100000001b3);
  return hash;
}

static guint64 samples_fingerprint(const LusSamples *samples)
{
  gsize pixels = (gsize)samples->n * samples->width * samples->height;
  guint64 hash = fingerprint(FINGERPRINT_START, samples->luma, pixels);
  return fingerprint(hash, samples->labels, pixels * samples->n_classes);
}

static guint64 weights_fingerprint(const LusGraph *graph)
{
  guint64 hash = FINGERPRINT_START;
  for (int i = 0; i < graph->n_values; i++) {
    const LusTensor *constant = graph->values[i].constant;
    if (constant)
      hash = fingerprint(hash, (const guint8 *)constant->data, constant->count * sizeof(float));
  }
  return hash;
}

static void append_network(GString *text, const LusTrainConfig *config)
{
  const LusFpnConfig *net = &config->network;
  const LusEncoderFpnConfig *encoder = config->encoder;
  if (encoder) {
    g_string_append_printf(text, "network %s %d-%d width %d bias %.9g\n", lus_encoder_name(encoder->encoder),
                           encoder->in_channels, encoder->classes, encoder->width, (double)encoder->head_bias);
    return;
  }
  g_string_append_printf(text, "network %d-%d stem %d stages", net->in_channels, net->classes, net->stem);
  for (int i = 0; i < 4; i++)
    g_string_append_printf(text, " %dx%d", net->blocks[i], net->widths[i]);
  g_string_append_printf(text, " pyramid %d segmentation %d detail %d bias %.9g\n", net->pyramid, net->segmentation,
                         net->detail, (double)net->head_bias);
}

static void append_fingerprint(GString *text, const char *name, guint64 value)
{
  g_string_append_printf(text, "%s %016" G_GINT64_MODIFIER "x\n", name, value);
}

static void append_optimizer(GString *text, const LusTrainConfig *config)
{
  const LusOptimizer *o = &config->optimizer;
  g_string_append_printf(text, "optimizer %s\n", lus_optimizer_name(o->method));
  if (o->method == LUS_OPTIMIZER_SGD)
    g_string_append_printf(text, "momentum %.17g\n", o->momentum);
  else
    g_string_append_printf(text, "moments %.17g %.17g %.17g\n", o->beta1, o->beta2, o->epsilon);
  g_string_append_printf(text, "weight decay %.17g\nclip %.17g\n", o->weight_decay, o->clip);
  g_string_append_printf(text, "learning rate %.17g\nwarm-up %d\naveraging %.17g\n", config->learning_rate,
                         config->warm_up, config->ema);
}

char *lus_train_settings(const LusTrainConfig *config, const LusLoss *loss, const LusSamples *samples)
{
  g_autofree char *target = lus_target_to_string(&config->target);
  g_autofree char *loss_text = lus_loss_to_string(loss);
  GString *text = g_string_new(NULL);
  append_network(text, config);
  g_string_append_printf(text, "samples %d of %d x %d\n", samples->n, samples->width, samples->height);
  append_fingerprint(text, "data", samples_fingerprint(samples));
  g_string_append_printf(text, "target %s\nseed %" G_GUINT64_FORMAT "\nsteps %d\nbatch %d\n", target, config->seed,
                         config->steps, config->batch);
  g_string_append_printf(text, "loss %s weights", loss_text);
  for (int k = 0; k < samples->n_classes; k++)
    g_string_append_printf(text, " %.9g", (double)loss->positive_weight[k]);
  g_string_append_c(text, '\n');
  g_string_append_printf(text, "balance %.17g\n", config->balance);
  g_autofree char *augment = lus_augment_to_string(&config->augment);
  g_string_append_printf(text, "augmentation %s\n", augment);
  append_optimizer(text, config);
  if (config->initial)
    append_fingerprint(text, "initial weights", weights_fingerprint(config->initial));
  if (config->initial_other_classes)
    g_string_append(text, "head new\n");
  if (config->patience > 0) {
    g_string_append_printf(text, "patience %d x %d\n", config->patience, config->validation_interval);
    append_fingerprint(text, "validation data", samples_fingerprint(config->validation));
  }
  return g_string_free(text, FALSE);
}

gboolean lus_train_settings_refuse(GError **error, const char *path, const char *is, const char *found, const char *wanted,
                                   const char *remedy)
{
  g_auto(GStrv) a = g_strsplit(found, "\n", -1);
  g_auto(GStrv) b = g_strsplit(wanted, "\n", -1);
  int i = 0;
  while (a[i] && b[i] && g_str_equal(a[i], b[i]))
    i++;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s (it has '%s', this one '%s'); %s", path, is,
              a[i] && *a[i] ? a[i] : "nothing further", b[i] && *b[i] ? b[i] : "nothing further", remedy);
  return FALSE;
}

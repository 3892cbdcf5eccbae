/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** Lets the whole chain run for a time and tells what grows: memory, descriptors, threads, latency, the log.
 *    soak --model FILE [--frames N] [--seconds S] [--live] [--source LINE] [--chain LINE] [--most-growth KB]
 *  Exit 1: an error, descriptors or threads more than at first, or memory growth beyond --most-growth. */
#include <gst/gst.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLES_MAX 100000
#define SLOTS 64 /* pictures on their way at most */

static struct {
  gint64 frames, seconds, growth;
  gboolean live;
  char *model, *source, *chain;
} options = {.growth = -1};

typedef struct {
  double frames, rss, fds, threads; /* rss in kB */
} Sample;

typedef struct {
  gint64 frames;              /* at the sink */
  gint64 left[SLOTS];         /* when picture n left the source, at n % SLOTS */
  gint64 sent;
  guint32 latency[100001];    /* pictures per 0.01 ms; the last: more */
  GArray *samples;            /* Sample */
  gint64 every, next;         /* pictures between two samples */
  gint logged;                /* lines */
  gint bytes;
} Soak;

static double read_rss(void)
{
  unsigned long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  int n = file ? fscanf(file, "%lu %lu", &pages, &resident) : 0;
  if (file)
    fclose(file);
  return n == 2 ? (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024 : NAN;
}

static double count_entries(const char *path)
{
  int n = 0;
  GDir *dir = g_dir_open(path, 0, NULL);
  while (dir && g_dir_read_name(dir))
    n++;
  if (dir)
    g_dir_close(dir);
  return n;
}

static void take_sample(Soak *soak)
{
  Sample sample = {(double)soak->frames, read_rss(), count_entries("/proc/self/fd"), count_entries("/proc/self/task")};
  g_array_append_val(soak->samples, sample);
}

static GstPadProbeReturn leave_source(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Soak *soak = data;
  (void)pad;
  (void)info;
  soak->left[soak->sent++ % SLOTS] = g_get_monotonic_time();
  return GST_PAD_PROBE_OK;
}

/** Both probes run in the same thread, or a queue between them keeps the order. */
static GstPadProbeReturn reach_sink(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Soak *soak = data;
  (void)pad;
  (void)info;
  gint64 took = g_get_monotonic_time() - soak->left[soak->frames % SLOTS];
  soak->latency[CLAMP(took / 10, 0, (gint64)G_N_ELEMENTS(soak->latency) - 1)]++;
  if (++soak->frames >= soak->next && soak->samples->len < SAMPLES_MAX) {
    soak->next += soak->every;
    take_sample(soak);
  }
  return GST_PAD_PROBE_OK;
}

static void count_log(GstDebugCategory *category, GstDebugLevel level, const gchar *file, const gchar *function,
                      gint line, GObject *object, GstDebugMessage *message, gpointer data)
{
  Soak *soak = data;
  (void)category;
  (void)level;
  (void)file;
  (void)function;
  (void)line;
  (void)object;
  g_atomic_int_inc(&soak->logged);
  g_atomic_int_add(&soak->bytes, (gint)strlen(gst_debug_message_get(message)));
}

static double percentile(const Soak *soak, double share)
{
  gint64 seen = 0, rank = (gint64)ceil(share * (double)soak->frames);
  for (gsize i = 0; i < G_N_ELEMENTS(soak->latency); i++) {
    seen += soak->latency[i];
    if (seen >= rank)
      return (double)(i + 1) / 100;
  }
  return NAN;
}

static double value_of(const Sample *sample, int which)
{
  return which == 0 ? sample->rss : which == 1 ? sample->fds : sample->threads;
}

/** Least squares over the samples behind the first fifth, which warms pools and caches; per 1,000 pictures. */
static double slope(const Soak *soak, int which)
{
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (guint i = soak->samples->len / 5; i < soak->samples->len; i++) {
    const Sample *s = &g_array_index(soak->samples, Sample, i);
    double k = s->frames / 1000, v = value_of(s, which);
    n++, x += k, y += v, xx += k * k, xy += k * v;
  }
  double spread = n * xx - x * x;
  return spread > 0 ? (n * xy - x * y) / spread : 0;
}

/** How much the last sample is above the highest of the first fifth: a thread that comes and goes is no leak. */
static double growth(const Soak *soak, int which)
{
  guint n = soak->samples->len;
  double highest = 0;
  for (guint i = 0; n > 0 && i <= n / 5; i++)
    highest = MAX(highest, value_of(&g_array_index(soak->samples, Sample, i), which));
  return n < 2 ? 0 : value_of(&g_array_index(soak->samples, Sample, n - 1), which) - highest;
}

static gboolean report(const Soak *soak, double seconds)
{
  static const char *const names[] = {"resident memory", "file descriptors", "threads"};
  gboolean ok = soak->samples->len >= 10;
  printf("%" G_GINT64_FORMAT " pictures in %.1f s, %u samples\n", soak->frames, seconds, soak->samples->len);
  for (int i = 0; i < 3; i++) {
    double grew = growth(soak, i), most = i == 0 ? (double)options.growth : 0;
    gboolean bad = (i > 0 || options.growth >= 0) && grew > most;
    printf("%s: %.0f at first, grew by %.0f%s, slope %+.3f per 1000 pictures%s\n", names[i],
           value_of(&g_array_index(soak->samples, Sample, 0), i), grew, i == 0 ? " kB" : "", slope(soak, i),
           bad ? " - TOO MUCH" : "");
    ok = ok && !bad;
  }
  printf("latency: p50 %.2f ms, p95 %.2f ms, p99 %.2f ms\n", percentile(soak, .5), percentile(soak, .95),
         percentile(soak, .99));
  printf("log: %d lines, %d bytes, %.1f bytes per hour\n", soak->logged, soak->bytes, soak->bytes * 3600 / seconds);
  return ok;
}

static GstElement *make_pipeline(Soak *soak, GError **error)
{
  const char *size = options.source ? "" : " ! video/x-raw,format=GRAY8,width=160,height=120,framerate=30/1";
  g_autofree char *count = g_strdup_printf(" num-buffers=%" G_GINT64_FORMAT, options.frames ? options.frames : -1);
  const char *source = options.source ? options.source : "videotestsrc pattern=ball";
  const char *chain = options.chain ? options.chain
                                    : "lussegment name=segment sector=none threads=1 ! lusconfmask "
                                      "! lussfestimate zone=L1 ! lusoverlay";
  g_autofree char *line = g_strdup_printf("%s name=source%s%s ! %s ! fakesink name=sink sync=%s", source, count, size,
                                          chain, options.live ? "true" : "false");
  GstElement *pipeline = gst_parse_launch(line, error);
  if (!pipeline)
    return NULL;
  g_autoptr(GstElement) from = gst_bin_get_by_name(GST_BIN(pipeline), "source"),
                        segment = gst_bin_get_by_name(GST_BIN(pipeline), "segment"),
                        sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  if (segment && options.model)
    g_object_set(segment, "model-file", options.model, NULL);
  if (options.live)
    g_object_set(from, "is-live", TRUE, NULL);
  g_autoptr(GstPad) out = gst_element_get_static_pad(from, "src"), in = gst_element_get_static_pad(sink, "sink");
  gst_pad_add_probe(out, GST_PAD_PROBE_TYPE_BUFFER, leave_source, soak, NULL);
  gst_pad_add_probe(in, GST_PAD_PROBE_TYPE_BUFFER, reach_sink, soak, NULL);
  return pipeline;
}

/** Until the stream's end, an error or the time's. */
static gboolean run(GstElement *pipeline)
{
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  GstClockTime limit = options.seconds ? (GstClockTime)options.seconds * GST_SECOND : GST_CLOCK_TIME_NONE;
  gboolean ok = gst_element_set_state(pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE;
  gint64 end = g_get_monotonic_time() + options.seconds * G_USEC_PER_SEC;
  while (ok) {
    gint64 rest = MAX(end - g_get_monotonic_time(), 0);
    GstClockTime left = limit == GST_CLOCK_TIME_NONE ? limit : (GstClockTime)rest * GST_USECOND;
    g_autoptr(GstMessage) message = gst_bus_timed_pop(bus, left); /* all of them: they must not pile up */
    if (!message || GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS)
      break;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      g_autoptr(GError) error = NULL;
      gst_message_parse_error(message, &error, NULL);
      fprintf(stderr, "%s\n", error->message);
      ok = FALSE;
    }
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  return ok;
}

int main(int argc, char **argv)
{
  static const GOptionEntry entries[] = {
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &options.model, "Model; unset: the bundled one", "FILE"},
    {"frames", 'n', 0, G_OPTION_ARG_INT64, &options.frames, "Pictures", "N"},
    {"seconds", 's', 0, G_OPTION_ARG_INT64, &options.seconds, "Time", "S"},
    {"live", 'l', 0, G_OPTION_ARG_NONE, &options.live, "At the pictures' rate instead of as fast as it goes", NULL},
    {"source", 0, 0, G_OPTION_ARG_STRING, &options.source, "Source element instead of 160x120 test pictures", "LINE"},
    {"chain", 0, 0, G_OPTION_ARG_STRING, &options.chain, "What lies between source and sink", "LINE"},
    {"most-growth", 0, 0, G_OPTION_ARG_INT64, &options.growth, "Most growth of memory behind the first fifth", "KB"},
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GError) error = NULL;
  g_autoptr(GOptionContext) context = g_option_context_new("- what grows while the chain runs");
  static Soak soak;
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_add_group(context, gst_init_get_option_group());
  if (!g_option_context_parse(context, &argc, &argv, &error) || (!options.frames && !options.seconds)) {
    fprintf(stderr, "%s\n", error ? error->message : "give --frames or --seconds");
    return 2;
  }
  soak.every = soak.next = options.frames ? MAX(options.frames / 200, 1) : 300;
  soak.samples = g_array_sized_new(FALSE, FALSE, sizeof(Sample), SAMPLES_MAX);
  memset(soak.samples->data, 1, SAMPLES_MAX * sizeof(Sample)); /* its pages are there from the beginning */
  (gst_debug_add_log_function)(count_log, &soak, NULL); /* the function: its macro compares a function with a void pointer */
  GstElement *pipeline = make_pipeline(&soak, &error);
  if (!pipeline) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  gint64 start = g_get_monotonic_time();
  gboolean ok = run(pipeline);
  ok = soak.samples->len > 0 && report(&soak, (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC) && ok;
  gst_object_unref(pipeline);
  g_array_unref(soak.samples);
  return ok ? 0 : 1;
}

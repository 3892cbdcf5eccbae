/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"

LUS_BEGIN_DECLS

#define LUS_MAX_CLASSES 16

typedef enum {
  LUS_NORMALISE_FIXED, /* (luma / 255 - mean) / std */
  LUS_NORMALISE_LIT    /* (luma - m) / (s + 4) clipped to -4..6, m and s over the pixels with luma > 3 */
} LusNormaliseMode;

typedef struct {
  LusNormaliseMode mode;
  float mean, std; /* fixed mode */
} LusNormalise;

/** What a model file says about itself: ONNX metadata_props lus.*, else a key file MODEL.modelinfo beside it (group
 *  [lus], the same keys without the prefix), else defaults. Owned by the model. */
typedef struct {
  char *version;   /* of the software that wrote it */
  int n_classes;
  char *classes[LUS_MAX_CLASSES]; /* pleural_line, fascia_band, vertical_line, ... */
  float threshold; /* 0..1, default 0.6 */
  int channels, width, height; /* input size */
  LusNormalise normalise;
  gboolean logits; /* output is logits (else probabilities) */
  char *licence, *training, *probes; /* free text or JSON; "" when missing */
} LusModelInfo;

/** A loaded model: immutable, reference counted, may be shared by threads. */
typedef struct _LusModel LusModel;

/** Reads the file (no mapping), hashes and parses it. Errors name path, place and remedy. */
LUS_API LusModel *lus_model_load(const char *path, GError **error);
LUS_API LusModel *lus_model_ref(LusModel *model);
LUS_API void lus_model_unref(LusModel *model);
LUS_API const LusModelInfo *lus_model_info(const LusModel *model);
LUS_API const char *lus_model_path(const LusModel *model);
LUS_API const char *lus_model_sha256(const LusModel *model);
/** The file's opset (9..21) and the program that wrote it, "" = unknown. */
LUS_API int lus_model_opset(const LusModel *model);
LUS_API const char *lus_model_producer(const LusModel *model);
/** A private copy of the network, for a plan; the caller frees it. */
LUS_API LusGraph *lus_model_graph(const LusModel *model, GError **error);

/** Whether the model has convolutions that run on 8-bit integers. */
LUS_API gboolean lus_model_is_quantized(const LusModel *model);

/** Writes graph and info as ONNX, atomically. */
LUS_API gboolean lus_model_save(const LusGraph *graph, const LusModelInfo *info, const char *path, GError **error);

/** An info with the contract's defaults and the three standard classes; free with lus_model_info_clear(). */
LUS_API void lus_model_info_init(LusModelInfo *info);
LUS_API void lus_model_info_clear(LusModelInfo *info);
/** Index of a class by name, or -1. */
LUS_API int lus_model_info_class(const LusModelInfo *info, const char *name);

/** Path of a bundled file ("default.onnx", "default.heads.json"): the folder in the environment variable LUS_MODEL_DIR if
 *  set, else the installed one. Newly allocated; the file need not exist. */
LUS_API char *lus_model_bundled_path(const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusModel, lus_model_unref)

LUS_END_DECLS

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/** LUS_API: marks what liblus exports; everything else is hidden. */
#define LUS_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define LUS_BEGIN_DECLS extern "C" {
#define LUS_END_DECLS }
#else
#define LUS_BEGIN_DECLS
#define LUS_END_DECLS
#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels.h"

/** The tables; which of the vector ones exist is up to meson.build (LUS_HAVE_X86_KERNELS). */
extern const LusKernels lus_kernels_c;
extern const LusKernels lus_kernels_generic;
extern const LusKernels lus_kernels_avx2;
extern const LusKernels lus_kernels_avx512;

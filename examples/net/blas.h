/* The one BLAS call that the network needs, in the network's number type. */
#ifndef NET_BLAS_H
#define NET_BLAS_H

#include <cblas.h>
#undef I /* cblas.h brings complex.h, whose I would break ordinary code */

#include "net/net.h"

/* C = A B + beta C, all row-major; lda, ldb, ldc are the distances between rows. C is m*n, A is m*k after the
 * optional transposition, B is k*n likewise. */
static inline void net_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const real *a,
                            size_t lda, const real *b, size_t ldb, real beta, real *c, size_t ldc) {
  CBLAS_TRANSPOSE ta = transpose_a ? CblasTrans : CblasNoTrans, tb = transpose_b ? CblasTrans : CblasNoTrans;
#ifdef NET_DOUBLE
  cblas_dgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)k, 1, a, (blasint)lda, b, (blasint)ldb,
              beta, c, (blasint)ldc);
#else
  cblas_sgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)k, 1, a, (blasint)lda, b, (blasint)ldb,
              beta, c, (blasint)ldc);
#endif
}

#endif

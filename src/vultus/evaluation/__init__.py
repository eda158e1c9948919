"""Error rates from scores, in the terms of ISO/IEC 19795-1: FMR, FNMR, FPIR, FNIR, with intervals and protocols."""

"""Error rates of liveness, in the terms of ISO/IEC 30107-3: APCER by kind of attack, and BPCER."""

/* search/glpk.h - GLPK, behind one function. Not: trusting its answer, whose bytes are added up
 * anew. */
#ifndef WEFT_SEARCH_GLPK_H
#define WEFT_SEARCH_GLPK_H

#include "search/pick.h"

/* Whether the build has GLPK. */
bool weft_i_glpk_is_there(void);

/* Improve an answer that fits by integer programming, from that answer on, until it is within `gap`
 * of the best (in GLPK's floating point). Returns whether that was reached, and where it was not
 * the answer may be better all the same. False at once where the build leaves GLPK out, where it
 * was built for one thread, where the program is too large for it, or where the calling thread has
 * an environment of GLPK open, which is the caller's. Thread-safe; deterministic
 * unless a second is not enough for it. */
bool weft_i_glpk_improve(const weft_i_pick *pick, double gap, weft_i_pick_answer *answer);

#endif

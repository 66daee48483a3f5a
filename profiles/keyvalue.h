/* profiles/keyvalue.h - "key=value,key=value" on a command line, strictly, by the tables of fields
 * that also read JSON. Not: whole files. */
#ifndef WEFT_PROFILES_KEYVALUE_H
#define WEFT_PROFILES_KEYVALUE_H

#include <stdbool.h>

#include "base/json_in.h"

enum { WEFT_I_KEYVALUE_SIZE = 128 };

typedef struct weft_i_keyvalue {
    char key[WEFT_I_KEYVALUE_SIZE], value[WEFT_I_KEYVALUE_SIZE];
    const char *rest; /* text not read yet; set it to begin */
    const char *text; /* all of it, set by the first weft_i_keyvalue_next */
} weft_i_keyvalue;

/* Read the next pair. USAGE where a pair has no '=', no key, no value, is too long, or has a key
 * that came before; *out_more is false when nothing was left, and key and value are then unchanged.
 * `what` is what errors call the whole text: "cluster". */
weft_status weft_i_keyvalue_next(weft_i_keyvalue *pair, const char *what, weft_error *error,
                                 bool *out_more);

/* Set the field that the pair's key names; STRING and OTHER fields cannot be set. USAGE for an
 * unknown key or a wrong value. */
weft_status weft_i_keyvalue_set(const weft_i_keyvalue *pair, const char *what,
                                const weft_i_json_field *fields, size_t n_fields, weft_error *error,
                                void *out);

/* USAGE for a key that nothing knows, naming the nearest of the fields that can be set. */
weft_status weft_i_keyvalue_unknown(const weft_i_keyvalue *pair, const char *what,
                                    const weft_i_json_field *fields, size_t n_fields,
                                    weft_error *error);

#endif

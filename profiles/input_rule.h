/* profiles/input_rule.h - reading how sizes become tokens. Not: doing it (partition/tokens.h). */
#ifndef WEFT_PROFILES_INPUT_RULE_H
#define WEFT_PROFILES_INPUT_RULE_H

#include "base/json_in.h"
#include "weft/model.h"

/* Read an "input" object by the table of its rule, with defaults, and check it. */
weft_status weft_i_input_rule_read(const weft_i_json *in, weft_error *error, weft_input_rule *out);

/* The modality that a rule is for. */
weft_modality weft_i_input_rule_modality(weft_input_kind kind);

#endif

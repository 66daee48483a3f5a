/* bench/soak_model.c - small random models and recipes, as files: encoders into a language model,
 * or a text encoder into a video model. */
#include "bench/soak_random.h"

#include <stdio.h>

/* What the parts of one model share. */
typedef struct widths {
    int hidden;  /* of the backbone */
    bool frozen; /* encoders */

} widths;

static const char *flag(bool value)
{
    return value ? "true" : "false";
}

static void write_transformers(soak_rng *rng, FILE *f, int hidden, bool causal, bool frozen)
{
    int heads = hidden / 64;
    fprintf(f,
            "{\"kind\":\"transformer\",\"count\":%d,\"hidden\":%d,\"ffn\":%d,\"heads\":%d,"
            "\"kv_heads\":%d,\"mlp\":\"%s\",\"norm\":\"%s\",\"bias\":\"%s\",\"attention\":\"%s\","
            "\"trainable\":%s",
            (int)soak_in(rng, 1, 12), hidden, hidden * (int)soak_in(rng, 1, 4), heads,
            soak_chance(rng, 50) ? heads : 4, soak_chance(rng, 50) ? "gelu" : "swiglu",
            soak_chance(rng, 50) ? "layernorm" : "rmsnorm", soak_chance(rng, 50) ? "all" : "none",
            causal ? "causal" : "full", flag(!frozen));
    if (causal && soak_chance(rng, 20)) fputs(",\"experts\":8,\"experts_per_token\":2", f);
    if (soak_chance(rng, 10)) fputs(",\"lora_rank\":8", f);
    fputs("}", f);
}

static void write_image_rule(soak_rng *rng, FILE *f, int merge)
{
    switch (soak_in(rng, 0, 2)) {
    case 0:
        fprintf(f, "{\"rule\":\"fixed\",\"size\":%d,\"patch\":14,\"merge\":%d}",
                14 * merge * (int)soak_in(rng, 2, 20), merge);
        break;
    case 1:
        fprintf(f,
                "{\"rule\":\"dynamic\",\"patch\":14,\"merge\":%d,\"min_pixels\":3136,"
                "\"max_pixels\":%d}",
                merge, (int)soak_in(rng, 50000, 1000000));
        break;
    default:
        fprintf(f, "{\"rule\":\"tiles\",\"size\":%d,\"patch\":14,\"merge\":%d,\"max_tiles\":%d}",
                14 * merge * (int)soak_in(rng, 2, 16), merge, (int)soak_in(rng, 1, 12));
        break;
    }
}

/* An encoder whose tokens go into the language model. */
static void write_encoder(soak_rng *rng, FILE *f, bool image, const widths *w)
{
    int hidden = 256 * (int)soak_in(rng, 1, 4), merge = (int)soak_in(rng, 1, 2);
    int joined = image ? merge * merge : merge;
    fprintf(f, "{\"name\":\"%s\",\"modality\":\"%s\",\"input\":", image ? "vision" : "audio",
            image ? "image" : "audio");
    if (image)
        write_image_rule(rng, f, merge);
    else
        fprintf(f, "{\"rule\":\"audio\",\"tokens_per_second\":%d,\"merge\":%d}",
                (int)soak_in(rng, 1, 50), merge);
    fprintf(f,
            ",\"layers\":[{\"kind\":\"patch_embedding\",\"hidden\":%d,\"in_features\":588,"
            "\"trainable\":%s},",
            hidden, flag(!w->frozen));
    write_transformers(rng, f, hidden, false, w->frozen);
    fprintf(f, ",{\"kind\":\"projector\",\"hidden\":%d,\"in_features\":%d,\"merge\":%d}]},",
            w->hidden, hidden * joined, joined);
}

static void write_language(soak_rng *rng, FILE *f, const widths *w)
{
    int vocab = (int)soak_in(rng, 1000, 60000);
    fprintf(f,
            "{\"name\":\"language\",\"modality\":\"text\",\"input\":{\"rule\":\"text\"},"
            "\"layers\":[{\"kind\":\"embedding\",\"hidden\":%d,\"vocab\":%d},",
            w->hidden, vocab);
    write_transformers(rng, f, w->hidden, true, soak_chance(rng, 5));
    if (soak_chance(rng, 20))
        fprintf(f, ",{\"kind\":\"mamba\",\"count\":%d,\"hidden\":%d,\"state_size\":64}",
                (int)soak_in(rng, 1, 4), w->hidden);
    fprintf(f, ",{\"kind\":\"head\",\"hidden\":%d,\"vocab\":%d,\"tied\":%s}]}", w->hidden, vocab,
            flag(soak_chance(rng, 30)));
}

static void write_edge(FILE *f, const char *from, bool gradient)
{
    fprintf(f,
            "{\"from\":{\"module\":\"%s\"},\"to\":{\"module\":\"language\"},\"kind\":\"tokens\","
            "\"gradient\":%s}",
            from, flag(gradient));
}

static void write_multimodal(soak_rng *rng, FILE *f, soak_modalities *out)
{
    widths w = {.hidden = 256 * (int)soak_in(rng, 1, 8), .frozen = soak_chance(rng, 30)};
    int which = (int)soak_in(rng, 0, 3);
    *out = (soak_modalities){.image = which & 1, .audio = which & 2};
    bool gradient = soak_chance(rng, 80);
    if (out->image) write_encoder(rng, f, true, &w);
    if (out->audio) write_encoder(rng, f, false, &w);
    write_language(rng, f, &w);
    fputs("],\"edges\":[", f);
    if (out->image) write_edge(f, "vision", gradient);
    if (out->image && out->audio) fputs(",", f);
    if (out->audio) write_edge(f, "audio", gradient);
}

/* A text encoder that every block of a diffusion transformer reads. */
static void write_video(soak_rng *rng, FILE *f, soak_modalities *out)
{
    int text = 256 * (int)soak_in(rng, 1, 4), hidden = 256 * (int)soak_in(rng, 1, 4);
    int blocks = (int)soak_in(rng, 1, 12);
    *out = (soak_modalities){.video = true};
    fprintf(f,
            "{\"name\":\"text\",\"modality\":\"text\",\"input\":{\"rule\":\"text\"},"
            "\"layers\":[{\"kind\":\"embedding\",\"hidden\":%d,\"vocab\":30000},",
            text);
    write_transformers(rng, f, text, true, soak_chance(rng, 50));
    fprintf(f,
            "]},{\"name\":\"dit\",\"modality\":\"video\",\"input\":{\"rule\":\"video\",\"fps\":%d,"
            "\"max_seconds\":%d,\"width\":256,\"height\":256,\"temporal\":8,\"spatial\":8,"
            "\"patch\":2},\"layers\":[{\"kind\":\"patch_embedding\",\"hidden\":%d,"
            "\"in_features\":64},{\"kind\":\"dit\",\"count\":%d,\"hidden\":%d,\"ffn\":%d,"
            "\"heads\":%d,\"cross_hidden\":%d,\"mlp\":\"gelu\"},"
            "{\"kind\":\"head\",\"hidden\":%d,\"vocab\":64}]}],\"edges\":[{\"from\":{\"module\":"
            "\"text\"},\"to\":{\"module\":\"dit\",\"layers\":[1,%d]},\"kind\":\"condition\"}",
            (int)soak_in(rng, 8, 16), (int)soak_in(rng, 4, 16), hidden, blocks, hidden, 2 * hidden,
            hidden / 64, text, hidden, blocks);
}

bool soak_write_model(soak_rng *rng, const char *file, soak_modalities *out)
{
    FILE *f = fopen(file, "w");
    if (!f) return false;
    fputs(
        "{\"format\":\"weft.model\",\"version\":1,\"revision\":0,\"name\":\"drawn\",\"modules\":[",
        f);
    if (soak_chance(rng, 75))
        write_multimodal(rng, f, out);
    else
        write_video(rng, f, out);
    fputs("]}\n", f);
    return fclose(f) == 0;
}

/* Up to four sets of recomputed operators as further strategies. */
static void write_sets(soak_rng *rng, FILE *f)
{
    static const char *const sets[] = {"layernorm",   "mlp",
                                       "elementwise", "core_attn+qkv_proj",
                                       "mlp_act+moe", "layernorm+modulation+mla_up_proj"};
    int64_t n = soak_chance(rng, 30) ? soak_in(rng, 1, 4) : 0, first = soak_in(rng, 0, 5);
    for (int64_t i = 0; i < n; i++)
        fprintf(f, "%s\"%s\"", i > 0 ? "," : ",\"recompute_sets\":[", sets[(first + i) % 6]);
    if (n > 0) fputc(']', f);
}

bool soak_write_recipe(soak_rng *rng, const char *file)
{
    static const char *const packings[] = {"first_fit", "next_fit", "none"};
    FILE *f = fopen(file, "w");
    if (!f) return false;
    bool selective = soak_chance(rng, 70), full = soak_chance(rng, 70);
    fprintf(f,
            "{\"format\":\"weft.recipe\",\"version\":1,\"revision\":0,\"name\":\"drawn\","
            "\"sequence\":%d,\"max_images\":%d,\"max_clips\":%d,\"max_seconds\":%d,"
            "\"packing\":\"%s\",\"zero\":%d,\"sequence_parallel\":%s,\"flash_attention\":%s,"
            "\"allow_none\":%s,\"allow_selective\":%s,\"allow_full\":%s,\"overlap_dp\":%s,"
            "\"objective\":\"%s\",\"tp\":%d,\"pp\":%d,\"cp\":%d",
            1 << soak_in(rng, 9, 13), (int)soak_in(rng, 4, 48), (int)soak_in(rng, 1, 8),
            (int)soak_in(rng, 16, 64), packings[soak_in(rng, 0, 2)], (int)soak_in(rng, 0, 1),
            flag(soak_chance(rng, 80)), flag(soak_chance(rng, 80)),
            flag(soak_chance(rng, 80) || !(selective || full)), flag(selective), flag(full),
            flag(soak_chance(rng, 50)), soak_chance(rng, 25) ? "span" : "step",
            1 << soak_in(rng, 0, 2), (int)soak_in(rng, 1, 4), soak_chance(rng, 10) ? 2 : 1);
    write_sets(rng, f);
    fputs("}\n", f);
    return fclose(f) == 0;
}

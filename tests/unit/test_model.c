/* Models: shipped ones, one-line ones, counts of parameters, what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profiles/linear.h"
#include "profiles/model_own.h"
#include "weft/model.h"

static weft_model *load(const char *name)
{
    weft_error error = {0};
    weft_model *model = NULL;
    weft_status status = weft_model_load(name, &error, &model);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s: line %d %s: %s", name, error.line, error.path,
                 error.text);
    return model;
}

static double billions(const weft_model *model, int32_t module)
{
    int32_t n = model->modules[module].n_layers;
    return (double)weft_model_parameters(model, module, 0, n, false) / 1e9;
}

Test(model, reads_vlm_s)
{
    weft_model *model = load("vlm-s");
    cr_assert_eq(model->n_modules, 2);
    const weft_module *vision = &model->modules[0], *language = &model->modules[1];
    cr_expect_str_eq(model->name, "vlm-s");
    cr_expect_eq(strlen(model->sha256), 64);
    cr_expect_eq(model->sequence, 8192);
    cr_expect_eq(vision->n_layers, 65);
    cr_expect_eq(vision->layers[1].head_size, 112);
    cr_expect_eq(vision->layers[63].kv_heads, 16);
    cr_expect_eq(vision->layers[64].kind, WEFT_LAYER_PROJECTOR);
    cr_expect_eq(vision->input.size, 728);
    cr_expect_eq(vision->input.merge, 4);
    cr_expect_eq(language->n_layers, 34);
    cr_expect_eq(language->layers[1].attention, WEFT_ATTENTION_CAUSAL);
    cr_expect_eq(language->layers[1].mlp, WEFT_MLP_SWIGLU);
    cr_assert_eq(model->n_edges, 1);
    cr_expect_eq(model->edges[0].from_layer, 64);
    cr_expect_eq(model->edges[0].to_last_layer, 0);
    cr_expect(model->edges[0].gradient);
    weft_model_free(model);
}

/* Published totals; the exact ones are those of the released weights. */
Test(model, counts_parameters)
{
    static const struct {
        const char *name;
        double billions, slack;
    } KNOWN[] = {
        {"gpt:layers=32,hidden=4096,heads=32,kv_heads=8,ffn=14336,vocab=128256,mlp=swiglu,"
         "norm=rmsnorm,bias=none,tied=false",
         8.030261248, 0},
        {"gpt:layers=80,hidden=8192,heads=64,kv_heads=8,ffn=29568,vocab=152064,mlp=swiglu,"
         "norm=rmsnorm,bias=qkv,tied=false",
         72.706203648, 0},
        {"gpt:layers=64,hidden=5120,heads=40,kv_heads=8,ffn=27648,vocab=152064,mlp=swiglu,"
         "norm=rmsnorm,bias=qkv,tied=false",
         32.763876352, 0},
        {"gpt:layers=28,hidden=3584,heads=28,kv_heads=4,ffn=18944,vocab=152064,mlp=swiglu,"
         "norm=rmsnorm,bias=qkv,tied=false",
         7.615616512, 0},
        {"gpt:layers=32,hidden=4096,heads=32,kv_heads=8,ffn=14336,vocab=32000,mlp=swiglu,"
         "norm=rmsnorm,bias=none,experts=8,experts_per_token=2,tied=false",
         46.702792704, 0},
        {"gpt:layers=96,hidden=12288,heads=96,seq=2048,vocab=51200", 175, 0.5},
    };
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        weft_model *model = load(KNOWN[i].name);
        cr_expect_float_eq(billions(model, 0), KNOWN[i].billions, KNOWN[i].slack + 1e-12,
                           "%s: %.9f", KNOWN[i].name, billions(model, 0));
        weft_model_free(model);
    }
}

static double block_billions(weft_layer layer, int32_t n)
{
    return weft_i_layer_parameters(&layer) * n / 1e9;
}

/* The blocks alone, to the digits of the readings of the paper's tables. */
Test(model, counts_the_papers_blocks)
{
    weft_layer vit = {.kind = WEFT_LAYER_TRANSFORMER,
                      .hidden = 1792,
                      .ffn = 15360,
                      .heads = 16,
                      .kv_heads = 16,
                      .head_size = 112};
    weft_layer vit_22b = {.kind = WEFT_LAYER_TRANSFORMER,
                          .hidden = 6144,
                          .ffn = 24576,
                          .heads = 48,
                          .kv_heads = 48,
                          .head_size = 128};
    weft_layer dit = {.kind = WEFT_LAYER_DIT,
                      .hidden = 3584,
                      .ffn = 10240,
                      .heads = 28,
                      .kv_heads = 28,
                      .head_size = 128,
                      .cross_hidden = 3584,
                      .adaln_shared = true};
    weft_layer dit_30b = {.kind = WEFT_LAYER_DIT,
                          .hidden = 6144,
                          .ffn = 24576,
                          .heads = 48,
                          .kv_heads = 48,
                          .head_size = 128,
                          .cross_hidden = 6144,
                          .adaln_shared = true};
    cr_expect_float_eq(block_billions(vit, 63), 4.3, 0.05);
    cr_expect_float_eq(block_billions(vit_22b, 48), 21.7, 0.05);
    cr_expect_float_eq(block_billions(dit, 28), 4.9, 0.05);
    cr_expect_float_eq(block_billions(dit_30b, 48), 29.0, 0.05);
}

Test(model, counts_what_is_trained)
{
    weft_layer layer = {.kind = WEFT_LAYER_TRANSFORMER,
                        .hidden = 64,
                        .ffn = 256,
                        .heads = 4,
                        .kv_heads = 2,
                        .head_size = 16,
                        .trainable = true,
                        .lora_rank = 8};
    /* query, key, value, output; up and down */
    double adapters = 8 * (128 + 96 + 96 + 128 + 320 + 320);
    cr_expect_float_eq(weft_i_layer_trained_parameters(&layer), adapters, 0);
    layer.trainable = false;
    cr_expect_float_eq(weft_i_layer_trained_parameters(&layer), 0, 0);
    layer.trainable = true;
    double with = weft_i_layer_parameters(&layer);
    layer.lora_rank = 0;
    cr_expect_float_eq(with - weft_i_layer_parameters(&layer), adapters, 0);
    cr_expect_float_eq(weft_i_layer_trained_parameters(&layer), weft_i_layer_parameters(&layer), 0);
}

Test(model, counts_a_mamba_block)
{
    /* mamba2-130m: 24 blocks, a tied embedding of 50288 rows, a last norm. */
    weft_layer layer = {.kind = WEFT_LAYER_MAMBA,
                        .hidden = 768,
                        .state_size = 128,
                        .expand = 2,
                        .conv_width = 4,
                        .heads = 24,
                        .norm = WEFT_NORM_RMSNORM};
    double total = 24 * weft_i_layer_parameters(&layer) + 50288.0 * 768 + 768;
    cr_expect_float_eq(total, 128989632, 0, "%.0f", total);
}

/* Latent attention with and without a latent of queries, routed and shared experts: DeepSeek-V2 and
 * DeepSeek-V2-Lite, whose first block is dense, with embedding, last norm and head. */
Test(model, counts_the_blocks_of_deepseek)
{
    static const struct {
        int32_t hidden, heads, q_rank, experts, ffn, dense_ffn, layers;
        double total;
    } known[] = {{5120, 128, 1536, 160, 1536, 12288, 60, 235741434880},
                 {2048, 16, 0, 64, 1408, 10944, 27, 15706484224}};
    for (int i = 0; i < 2; i++) {
        double hidden = known[i].hidden;
        weft_layer layer = {.kind = WEFT_LAYER_TRANSFORMER,
                            .hidden = known[i].hidden,
                            .ffn = known[i].ffn,
                            .heads = known[i].heads,
                            .kv_heads = known[i].heads,
                            .head_size = 128,
                            .mlp = WEFT_MLP_SWIGLU,
                            .norm = WEFT_NORM_RMSNORM,
                            .experts = known[i].experts,
                            .experts_per_token = 6,
                            .shared_experts = 2,
                            .kv_rank = 512,
                            .q_rank = known[i].q_rank,
                            .rope_size = 64,
                            .value_size = 128};
        double total = (known[i].layers - 1) * weft_i_layer_parameters(&layer);
        /* The maps down to the latents and the router are not cut by TP. */
        double whole = hidden * (known[i].q_rank + 512 + 64 + known[i].experts);
        cr_expect_float_eq(weft_i_layer_whole_parameters(&layer), whole, 0);
        layer.experts = layer.shared_experts = 0;
        layer.ffn = known[i].dense_ffn;
        total += weft_i_layer_parameters(&layer) + 2 * 102400 * hidden + hidden;
        cr_expect_float_eq(total, known[i].total, 0, "%.0f", total);
    }
}

Test(model, counts_a_projector)
{
    weft_layer layer = {.kind = WEFT_LAYER_PROJECTOR,
                        .hidden = 3584,
                        .in_features = 5120,
                        .merge = 4,
                        .norm = WEFT_NORM_LAYERNORM,
                        .bias = WEFT_BIAS_ALL};
    double expected = 2 * 1280.0 + 5121.0 * 3584 + 3585.0 * 3584;
    cr_expect_float_eq(weft_i_layer_parameters(&layer), expected, 0);
}

/* Status and text of what a one-line model is refused with. */
Test(model, refuses_wrong_lines)
{
    static const char *const CASES[][2] = {
        {"gpt:layers=2,hidden=64", "gpt: missing key 'heads'"},
        {"gpt:layers=2,hidden=64,heads=5",
         "gpt: hidden 64 is not divisible by heads 5, and no head_size"},
        {"gpt:layers=2,hidden=64,heads=4,kv_heads=3",
         "gpt: heads 4 is not divisible by kv_heads 3"},
        {"gpt:layers=2,hidden=64,heads=4,layers=3", "gpt: 'layers' is given twice"},
        {"gpt:layers=2,hidden=64,heads=4,rope_size=8",
         "gpt: q_rank, rope_size and value_size go with kv_rank"},
        {"gpt:layers=2,hidden=64,heads=4,kv_rank=16,kv_heads=2",
         "gpt: kv_heads 2 with kv_rank, expected heads 4"},
        {"gpt:layers=2,hidden=64,heads=4,kv_rank=16,rope_size=3",
         "gpt: head_size 16, rope_size 3 and value_size 16 add up to an odd number"},
        {"gpt:layers=2,hidden=64,heads=4,imbalance=2", "gpt: imbalance without experts"},
        {"gpt:layers=2,hidden=64,head=4", "gpt: unknown key 'head', did you mean 'heads'?"},
        {"gpt:layers=two,hidden=64,heads=4",
         "gpt: layers: expected an integer from 1 to 99000, found 'two'"},
        {"gpt:layers=2,hidden=64,heads=4,mlp=relu",
         "gpt: mlp: expected one of gelu, swiglu, found 'relu'"},
        {"gpt:layers=2,,hidden=64", "gpt: expected key=value, found ''"},
        {"gpt:", "gpt: expected key=value, found ''"},
        {"vlm-ss", "'vlm-ss' is neither a file nor a shipped model, did you mean 'vlm-s'?"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        weft_error error = {0};
        weft_model *model = NULL;
        cr_expect_eq(weft_model_load(CASES[i][0], &error, &model), WEFT_STATUS_USAGE);
        cr_expect_str_eq(error.text, CASES[i][1]);
        cr_expect_null(model);
    }
}

/* A model of two modules with one of its parts replaced, and what is said of it. */
static const char VISION[] =
    "{\"kind\":\"patch_embedding\",\"hidden\":8,\"in_features\":12},\n"
    "{\"kind\":\"transformer\",\"count\":2,\"hidden\":8,\"ffn\":32,"
    "\"heads\":2,\"mlp\":\"gelu\",\"attention\":\"full\"},\n"
    "{\"kind\":\"projector\",\"hidden\":16,\"in_features\":32,\"merge\":4}";
static const char INPUT[] = "{\"rule\":\"fixed\",\"size\":8,\"patch\":2,\"merge\":2}";
static const char EDGE[] = "{\"from\":{\"module\":\"vision\"},\"to\":{\"module\":\"language\","
                           "\"layers\":[0,0]},\"kind\":\"tokens\"}";

static const char *refusal(const char *vision, const char *input, const char *edge)
{
    static char text[4096], line[1024];
    weft_i_arena arena = {0};
    weft_error error = {0};
    weft_model model = {0};
    snprintf(
        text, sizeof(text),
        "{\"format\":\"weft.model\",\"version\":1,\"revision\":0,\"name\":\"t\",\n"
        "\"modules\":[{\"name\":\"vision\",\"modality\":\"image\",\"input\":\n%s,\"layers\":[\n"
        "%s]},\n{\"name\":\"language\",\"modality\":\"text\",\"input\":{\"rule\":\"text\"},"
        "\"layers\":[{\"kind\":\"embedding\",\"hidden\":16,\"vocab\":100},\n"
        "{\"kind\":\"head\",\"hidden\":16,\"vocab\":100,\"tied\":true}]}],\n"
        "\"edges\":[\n%s]}",
        input, vision, edge);
    weft_status status = weft_i_model_read_json("t", text, strlen(text), &arena, &error, &model);
    cr_assert_eq(status, error.status);
    weft_i_arena_free(&arena);
    snprintf(line, sizeof(line), "%d:%s: %s", error.line, error.path, error.text);
    return status == WEFT_STATUS_OK ? "ok" : line;
}

Test(model, refuses_wrong_files_at_their_line)
{
    static const char PROJECTOR[] =
        "{\"kind\":\"patch_embedding\",\"hidden\":8,\"in_features\":12},\n"
        "{\"kind\":\"projector\",\"hidden\":16,\"in_features\":36,\"merge\":4}";
    static const char HEADLESS[] = "{\"kind\":\"transformer\",\"hidden\":8,\"ffn\":32,\"heads\":3,"
                                   "\"mlp\":\"gelu\",\"attention\":\"full\"}";
    static const char BACK[] = "{\"from\":{\"module\":\"language\"},\"to\":{\"module\":\"vision\","
                               "\"layers\":[0,0]},\"kind\":\"tokens\"}";
    static const char FAR[] = "{\"from\":{\"module\":\"vision\"},\"to\":{\"module\":\"language\","
                              "\"layers\":[0,7]},\"kind\":\"tokens\"}";
    static const char SELF[] = "{\"from\":{\"module\":\"vision\"},\"to\":{\"module\":\"vision\","
                               "\"layers\":[0,0]},\"kind\":\"tokens\"}";
    static const char NEXT[] = "{\"from\":{\"module\":\"vision\"},\"to\":{\"module\":\"language\","
                               "\"layers\":[0,2]},\"kind\":\"tokens\"}";
    static const char WIDE[] = "{\"from\":{\"module\":\"vision\",\"layer\":1},\"to\":{\"module\":"
                               "\"language\",\"layers\":[0,-1]},\"kind\":\"tokens\"}";
    const struct {
        const char *vision, *input, *edge, *expected;
    } cases[] = {
        {VISION, INPUT, EDGE, "ok"},
        {PROJECTOR, INPUT, EDGE,
         "5:$.modules[0].layers[1]: projector reads a width of 9, but the "
         "layer before it gives 8"},
        {HEADLESS, INPUT, EDGE,
         "2:$.modules[0]: the input rule makes one token out of 4, the "
         "projectors out of 1"},
        {HEADLESS, "{\"rule\":\"fixed\",\"size\":8,\"patch\":2}", EDGE,
         "4:$.modules[0].layers[0]: hidden 8 is not divisible by heads 3, and no head_size"},
        {VISION, "{\"rule\":\"fixed\",\"size\":9,\"patch\":2,\"merge\":2}", EDGE,
         "3:$.modules[0].input: size 9 is not divisible by 4, the side of a token"},
        {VISION, "{\"rule\":\"text\"}", EDGE,
         "3:$.modules[0].input: this rule is not for the module's modality"},
        {VISION, INPUT, BACK,
         "10:$.edges[0]: edges go to a later module, found 'language' to "
         "'vision'"},
        {VISION, INPUT, SELF,
         "10:$.edges[0]: edges go to a later module, found 'vision' to 'vision'"},
        {VISION, INPUT, NEXT, "10:$.edges[0]: 'language' has no layers 0 to 2, the last is 1"},
        {VISION, INPUT, FAR, "10:$.edges[0]: 'language' has no layers 0 to 7, the last is 1"},
        {VISION, INPUT, WIDE,
         "10:$.edges[0]: a width of 8 comes from 'vision', but layer 0 of "
         "'language' takes 16"},
        {VISION, INPUT, "", "2:$.modules[0]: module 'vision' feeds no other"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_str_eq(refusal(cases[i].vision, cases[i].input, cases[i].edge),
                         cases[i].expected);
}

/* Read a model of the modules given, each with its own edge to the last. */
static weft_status read_modules(const char *modules, weft_i_arena *arena, weft_error *error,
                                weft_model *model)
{
    static char text[4096];
    snprintf(text, sizeof(text),
             "{\"format\":\"weft.model\",\"version\":1,\"revision\":0,\"name\":\"t\","
             "\"modules\":[%s]}",
             modules);
    return weft_i_model_read_json("t", text, strlen(text), arena, error, model);
}

Test(model, fills_in_defaults_of_each_kind)
{
    weft_i_arena arena = {0};
    weft_error error = {0};
    weft_model model = {0};
    weft_status status = read_modules(
        "{\"name\":\"a\",\"modality\":\"text\",\"input\":{\"rule\":\"text\"},\"layers\":["
        "{\"kind\":\"embedding\",\"hidden\":128,\"vocab\":10},"
        "{\"kind\":\"transformer\",\"hidden\":128,\"ffn\":7,\"heads\":4,\"mlp\":\"gelu\","
        "\"attention\":\"causal\"},"
        "{\"kind\":\"transformer\",\"count\":2,\"hidden\":128,\"ffn\":7,\"heads\":6,"
        "\"kv_heads\":3,\"head_size\":5,\"mlp\":\"swiglu\",\"norm\":\"rmsnorm\",\"bias\":\"qkv\","
        "\"attention\":\"windowed\",\"window\":9,\"experts\":11,\"experts_per_token\":2,"
        "\"shared_experts\":1,\"trainable\":false,\"lora_rank\":3},"
        "{\"kind\":\"dit\",\"hidden\":128,\"ffn\":7,\"heads\":4,\"mlp\":\"gelu\"},"
        "{\"kind\":\"mamba\",\"hidden\":128,\"state_size\":8},"
        "{\"kind\":\"measured\",\"hidden\":128,\"parameters\":6,\"rows\":[{\"tokens\":1,\"fw_ns\":"
        "2,"
        "\"bw_ns\":3,\"bwi_ns\":4,\"bww_ns\":5,\"saved_bytes\":6,\"held_bytes\":7,"
        "\"work_bytes\":8},{\"tokens\":2}]},"
        "{\"kind\":\"projector\",\"hidden\":64,\"in_features\":128},"
        "{\"kind\":\"head\",\"hidden\":64,\"vocab\":10}]}",
        &arena, &error, &model);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s: %s", error.path, error.text);
    cr_assert_eq(model.modules[0].n_layers, 9);
    const weft_layer *l = model.modules[0].layers;
    for (int i = 0; i < 9; i++)
        cr_expect_eq(l[i].trainable, i != 2 && i != 3);
    cr_expect(l[0].vocab == 10 && l[0].hidden == 128);
    cr_expect(l[1].kv_heads == 4 && l[1].head_size == 32 && l[1].norm == WEFT_NORM_LAYERNORM);
    cr_expect(l[1].bias == WEFT_BIAS_NONE && l[1].attention == WEFT_ATTENTION_CAUSAL);
    cr_expect(l[3].kv_heads == 3 && l[3].head_size == 5 && l[3].norm == WEFT_NORM_RMSNORM);
    cr_expect(l[3].bias == WEFT_BIAS_QKV && l[3].window == 9 && l[3].lora_rank == 3);
    cr_expect(l[3].experts == 11 && l[3].experts_per_token == 2 && l[3].shared_experts == 1);
    cr_expect(l[3].mlp == WEFT_MLP_SWIGLU && l[3].attention == WEFT_ATTENTION_WINDOWED);
    cr_expect(l[4].adaln_shared && l[4].cross_hidden == 0 && l[4].bias == WEFT_BIAS_ALL);
    cr_expect(l[5].expand == 2 && l[5].conv_width == 4 && l[5].head_size == 64);
    cr_expect(l[5].heads == 4 && l[5].state_size == 8);
    cr_assert_eq(l[6].n_rows, 2);
    cr_expect(l[6].rows[0].fw_ns == 2 && l[6].rows[0].bw_ns == 3 && l[6].rows[0].bwi_ns == 4);
    cr_expect(l[6].rows[0].bww_ns == 5 && l[6].rows[0].saved_bytes == 6);
    cr_expect(l[6].rows[0].held_bytes == 7 && l[6].rows[0].work_bytes == 8);
    cr_expect(l[6].parameters == 6 && l[6].rows[1].tokens == 2);
    cr_expect(l[7].merge == 1 && l[7].in_features == 128 && l[7].bias == WEFT_BIAS_ALL);
    cr_expect(l[8].bias == WEFT_BIAS_NONE && !l[8].tied);
    weft_i_arena_free(&arena);
}

/* The rule of a module without projectors. */
static weft_input_rule read_rule(const char *modality, const char *input)
{
    char text[512];
    weft_i_arena arena = {0};
    weft_error error = {0};
    weft_model model = {0};
    snprintf(text, sizeof(text),
             "{\"name\":\"a\",\"modality\":\"%s\",\"input\":{%s},\"layers\":["
             "{\"kind\":\"patch_embedding\",\"hidden\":8,\"in_features\":3}]}",
             modality, input);
    weft_status status = read_modules(text, &arena, &error, &model);
    cr_assert_eq(status, WEFT_STATUS_OK, "%s: %s: %s", input, error.path, error.text);
    weft_input_rule rule = model.modules[0].input;
    weft_i_arena_free(&arena);
    return rule;
}

Test(model, reads_each_input_rule)
{
    weft_input_rule rule = read_rule("text", "\"rule\":\"text\"");
    cr_expect(rule.kind == WEFT_INPUT_TEXT && rule.chars_per_token == 4 && rule.merge == 1);
    rule = read_rule("text", "\"rule\":\"text\",\"chars_per_token\":1.5");
    cr_expect(rule.chars_per_token == 1.5);
    rule = read_rule("image", "\"rule\":\"fixed\",\"size\":56,\"patch\":14");
    cr_expect(rule.kind == WEFT_INPUT_FIXED && rule.size == 56 && rule.patch == 14);
    rule = read_rule("image", "\"rule\":\"dynamic\",\"patch\":14,\"min_pixels\":5,"
                              "\"max_pixels\":50000000000");
    cr_expect(rule.kind == WEFT_INPUT_DYNAMIC && rule.min_pixels == 5);
    cr_expect(rule.max_pixels == 50000000000 && rule.patch == 14);
    rule = read_rule("image", "\"rule\":\"tiles\",\"size\":448,\"patch\":14,\"max_tiles\":12");
    cr_expect(rule.kind == WEFT_INPUT_TILES && rule.min_tiles == 1 && rule.max_tiles == 12);
    cr_expect(rule.thumbnail && rule.size == 448);
    rule = read_rule("image", "\"rule\":\"tiles\",\"size\":448,\"patch\":14,\"max_tiles\":12,"
                              "\"min_tiles\":3,\"thumbnail\":false");
    cr_expect(rule.min_tiles == 3 && !rule.thumbnail);
    rule = read_rule("video", "\"rule\":\"video\",\"fps\":16,\"max_seconds\":9.5,\"patch\":2");
    cr_expect(rule.kind == WEFT_INPUT_VIDEO && rule.fps == 16 && rule.max_seconds == 9.5);
    cr_expect(rule.temporal == 1 && rule.spatial == 1 && rule.width == 0 && rule.height == 0);
    rule = read_rule("video", "\"rule\":\"video\",\"fps\":16,\"max_seconds\":9.5,\"patch\":2,"
                              "\"width\":64,\"height\":32,\"temporal\":4,\"spatial\":8");
    cr_expect(rule.width == 64 && rule.height == 32 && rule.temporal == 4 && rule.spatial == 8);
    rule = read_rule("audio", "\"rule\":\"audio\",\"tokens_per_second\":12.5");
    cr_expect(rule.kind == WEFT_INPUT_AUDIO && rule.tokens_per_second == 12.5);
}

Test(model, a_file_comes_before_a_shipped_name)
{
    weft_error error = {0};
    weft_model *model = NULL;
    char folder[] = "model_XXXXXX";
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
    FILE *file = fopen("vlm-m", "w");
    cr_assert(file);
    fputs("{\"format\":\"weft.model\",\"version\":2,\n\"revision\":0}", file);
    fclose(file);
    cr_expect_eq(weft_model_load("vlm-m", &error, &model), WEFT_STATUS_BAD_INPUT);
    cr_expect_str_eq(error.file, "vlm-m");
    cr_expect_eq(error.line, 1);
    remove("vlm-m");
    cr_expect(chdir("..") == 0 && rmdir(folder) == 0);
    error = (weft_error){0};
    cr_expect_eq(weft_model_load("no/such.json", &error, &model), WEFT_STATUS_IO);
    cr_expect_eq(weft_model_load("vlm-m", NULL, &model), WEFT_STATUS_OK);
    weft_model_free(model);
    weft_model_free(NULL);
}

/* runtime/verdict.c - see verdict.h. */
#include "runtime/verdict.h"

#include <math.h>

weft_i_verdict weft_i_verdict_begin(void)
{
    return (weft_i_verdict){.chunk = -1, .layer = -1, .parameter = ""};
}

static const weft_i_trained_module *module_of(const weft_i_trainee *trainee, const weft_plan *plan,
                                              int32_t chunk)
{
    return &trainee->modules[weft_i_trainee_module(trainee, plan->chunks[chunk].module)];
}

int64_t weft_i_verdict_floats(const weft_i_trainee *trainee, const weft_plan *plan, int32_t chunk)
{
    const weft_i_trained_module *module = module_of(trainee, plan, chunk);
    const weft_chunk *at = &plan->chunks[chunk];
    int64_t n = 0;
    bool learns = false;
    for (int32_t l = at->first_layer; l < at->first_layer + at->layers; l++) {
        n += module->programs[l].n_values;
        learns = learns || module->learns[l];
    }
    return learns ? n : 0;
}

/* Mean square of all gradients of the model. */
static double mean_square(const weft_i_serial *serial, const weft_i_trainee *trainee)
{
    double sum = 0;
    int64_t n = 0;
    for (int32_t m = 0; m < trainee->model->n_modules; m++) {
        const weft_i_weights *weights = weft_i_serial_weights(serial, m);
        for (int64_t i = 0; weights->gradients && i < weights->n; i++, n++)
            sum += (double)weights->gradients[i] * weights->gradients[i];
    }
    return n > 0 ? sum / (double)n : 0;
}

double weft_i_verdict_whole(const weft_i_verdict *verdict)
{
    if (!(verdict->off <= 1e300)) return INFINITY;
    return verdict->off > 0 ? sqrt(verdict->off / verdict->size) : 0;
}

/* Of one parameter, and into the sums over all. */
static double error_of(weft_i_verdict *verdict, const float *found, const float *expected,
                       int64_t n, double usual)
{
    double off = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        off += ((double)found[i] - expected[i]) * ((double)found[i] - expected[i]);
        size += (double)expected[i] * expected[i];
    }
    double least = 1e-6 * usual * (double)n;
    verdict->n += n;
    verdict->off += off;
    verdict->size += size;
    if (!(off <= 1e300)) return INFINITY;
    return off > 0 ? sqrt(off / fmax(size, least)) : 0;
}

void weft_i_verdict_add(weft_i_verdict *verdict, const weft_i_serial *serial,
                        const weft_i_trainee *trainee, const weft_plan *plan, int32_t chunk,
                        const float *gradients)
{
    const weft_chunk *at = &plan->chunks[chunk];
    const weft_i_trained_module *module = module_of(trainee, plan, chunk);
    const weft_i_weights *whole =
        weft_i_serial_weights(serial, weft_i_trainee_module(trainee, at->module));
    double usual = mean_square(serial, trainee);
    for (int32_t l = at->first_layer; l < at->first_layer + at->layers; l++) {
        const weft_i_program *program = &module->programs[l];
        for (int p = 0; module->learns[l] && p < program->n_parameters; p++) {
            const weft_i_parameter *of = &program->parameters[p];
            int64_t n = of->rows * of->width;
            double error = error_of(verdict, gradients + of->first,
                                    whole->gradients + whole->offsets[l] + of->first, n, usual);
            if (verdict->chunk >= 0 && error <= verdict->error) continue;
            verdict->error = error;
            verdict->chunk = chunk;
            verdict->layer = l;
            verdict->parameter = of->name;
        }
        gradients += program->n_values;
    }
}

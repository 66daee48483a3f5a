/* plan/export/svg.c - see svg.h. */
#include "plan/export/svg.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

void weft_i_svg_number(FILE *stream, int64_t tenths)
{
    int64_t size = tenths < 0 ? -tenths : tenths;
    if (tenths < 0) fputc('-', stream);
    fprintf(stream, "%" PRId64, size / 10);
    if (size % 10 != 0) fprintf(stream, ".%d", (int)(size % 10));
}

/* XML 1.0 has no control characters but tab and line end, and neither U+FFFE nor U+FFFF. */
static int is_in_xml(const char *c, size_t length)
{
    if (length == 1) return (unsigned char)*c >= ' ' || *c == '\t' || *c == '\n';
    return length > 0 && strncmp(c, "\xEF\xBF\xBE", 3) != 0 && strncmp(c, "\xEF\xBF\xBF", 3) != 0;
}

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

void weft_i_svg_escape(FILE *stream, const char *text)
{
    for (size_t n = strlen(text); n > 0;) {
        size_t length = weft_i_utf8_length(text, n);
        const char *name = entity(*text);
        if (!is_in_xml(text, length))
            fputs("\xEF\xBF\xBD", stream);
        else if (name)
            fputs(name, stream);
        else
            fwrite(text, 1, length, stream);
        text += length > 0 ? length : 1;
        n -= length > 0 ? length : 1;
    }
}

static void command(FILE *stream, char letter, int64_t tenths)
{
    fputc(letter, stream);
    weft_i_svg_number(stream, tenths);
}

void weft_i_svg_rect(FILE *stream, int64_t x, int64_t y, int64_t width, int64_t height)
{
    command(stream, 'M', x);
    command(stream, ' ', y);
    command(stream, 'h', width);
    command(stream, 'v', height);
    command(stream, 'h', -width);
    fputc('z', stream);
}

void weft_i_svg_box(FILE *stream, const char *class, int64_t x, int64_t y, int64_t width,
                    int64_t height)
{
    fprintf(stream, "<path class=\"%s\" d=\"", class);
    weft_i_svg_rect(stream, x, y, width, height);
    fputs("\"/>\n", stream);
}

void weft_i_svg_text(FILE *stream, const char *class, int64_t x, int64_t y, const char *text)
{
    fprintf(stream, "<text class=\"%s\" x=\"", class);
    weft_i_svg_number(stream, x);
    fputs("\" y=\"", stream);
    weft_i_svg_number(stream, y);
    fputs("\">", stream);
    weft_i_svg_escape(stream, text);
    fputs("</text>\n", stream);
}

void weft_i_svg_stairs(FILE *stream, const int64_t *heights, int32_t n, int64_t step, int64_t base)
{
    int64_t height = 0;
    command(stream, 'M', 0);
    command(stream, ' ', base);
    for (int32_t i = 0, first = 0; i < n; i++) {
        if (heights[i] != height) {
            if (i > first) command(stream, 'h', (i - first) * step);
            command(stream, 'v', height - heights[i]);
            height = heights[i];
            first = i;
        }
        if (i == n - 1) command(stream, 'h', (n - first) * step);
    }
    command(stream, 'v', height);
}

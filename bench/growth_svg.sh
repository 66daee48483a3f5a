#!/bin/sh
# bench/growth_svg.sh - the CSV of bench_growth as a picture: a line for each number of ranks,
# seconds to 2 % over microbatches, both by their logarithms.
#
# usage: growth_svg.sh <growth.csv >growth.svg
exec awk -F, '
function x_of(microbatches) { return 70 + 150 * log(microbatches / 16) / log(4) }
function y_of(seconds) { return 40 + 66 * (2 - log(seconds) / log(10)) }
function text(x, y, anchor, color, what) {
    printf "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n", x, y, anchor, color, what
}
function line(x1, y1, x2, y2) {
    printf "<line x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\" stroke=\"#ccc\"/>\n", x1, y1, x2, y2
}
BEGIN {
    split("4 8 16 32 64", ranks, " ")
    split("#0072b2 #009e73 #e69f00 #d55e00 #cc79a7", color, " ")
    for (i in ranks) number[ranks[i]] = i
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"420\" viewBox=\"0 0 640 420\" font-family=\"sans-serif\" font-size=\"13\">"
    print "<rect width=\"640\" height=\"420\" fill=\"white\"/>"
    text(70, 22, "start", "black", "seconds until the search is within 2 % of its result after 20 s, one thread")
    split("100 10 1 0.1 0.01 0.001", ticks, " ")
    for (i = 1; i <= 6; i++) {
        line(70, y_of(ticks[i]), 520, y_of(ticks[i]))
        text(62, y_of(ticks[i]) + 4, "end", "black", ticks[i])
    }
    for (m = 16; m <= 1024; m *= 4) {
        line(x_of(m), 40, x_of(m), 370)
        text(x_of(m), 388, "middle", "black", m)
    }
    text(295, 410, "middle", "black", "microbatches")
}
$1 in number {
    i = number[$1]
    seconds = $6 > 0.001 ? $6 : 0.001
    points[i] = points[i] sprintf("%.1f,%.1f ", x_of($2), y_of(seconds))
    marks[i] = marks[i] sprintf("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", x_of($2), y_of(seconds), color[i])
}
END {
    for (i = 1; i <= 5; i++) {
        if (!(i in points)) continue
        printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n%s", points[i], color[i], marks[i]
        text(540, 130 + 22 * i, "start", color[i], ranks[i] " ranks")
    }
    print "</svg>"
}'

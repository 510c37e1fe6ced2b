// One frame of float RGB through a generated network, for processors that are only emulated here:
// frame WIDTH HEIGHT < weights, then three planes > three planes.
#include KERNEL
#include <stdio.h>

static bool fill(void *to, size_t bytes) { return fread(to, 1, bytes, stdin) == bytes; }

int main(int, char **arguments) {
    int width = atoi(arguments[1]), height = atoi(arguments[2]);
    size_t plane = sizeof(float) * width * height;
    static Weights weights;
    char *in = (char *)malloc(3 * plane), *out = (char *)malloc(3 * plane);
    if (!fill(&weights, sizeof weights) || !fill(in, 3 * plane)) return 1;
    Format format = {};
    format.layout = FLOAT_RGB;
    Planes planes[2] = {};
    for (int p = 0; p < 3; p++) {
        planes[0].data[p] = (unsigned char *)in + p * plane, planes[1].data[p] = (unsigned char *)out + p * plane;
        planes[0].stride[p] = planes[1].stride[p] = sizeof(float) * width;
    }
    Context *context = rt_open(width, height, &format, (const float *)&weights, 2);
    rt_run(context, &planes[0], &planes[1], 1, 1, 0, 0, 0, 0);
    rt_close(context);
    return fwrite(out, 1, 3 * plane, stdout) != 3 * plane;
}

/* tests/runtime/relay.c - a link that takes its time: what one network namespace sends by a tun
 * device reaches another so many microseconds later, in both directions and in order.
 *
 * usage: relay NAMESPACE_A NAMESPACE_B DEVICE MICROSECONDS
 *
 * DEVICE is made in both, without an address, and lives as long as the relay, which a signal ends.
 * One line, "ready", when it is there. Where that cannot be (no root, no /dev/net/tun): one line,
 * and status 77. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { N_PACKETS = 4096, PACKET_BYTES = 9216 };

typedef struct packet {
    int64_t due_ns;
    size_t n_bytes;
    unsigned char data[PACKET_BYTES];
} packet;

/* Packets on their way in one direction, a ring. */
typedef struct direction {
    int from, to;
    packet *ring;
    size_t first, n;
} direction;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Stays in the namespace; -1 = it cannot be. */
static int open_device(const char *space, const char *name)
{
    char path[256];
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(path, sizeof(path), "/var/run/netns/%s", space);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    int there = open(path, O_RDONLY | O_CLOEXEC), tun = -1;
    /* A device is of the namespace in which the file was opened. */
    if (there >= 0 && setns(there, CLONE_NEWNET) == 0)
        tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun >= 0 && ioctl(tun, TUNSETIFF, &request) == 0) {
        close(there);
        return tun;
    }
    printf("%s: no device %s: %s\n", space, name, strerror(errno));
    return -1;
}

/* What has come, as long as there is room: then the device keeps it. */
static void take_in(direction *way, int64_t delay_ns)
{
    while (way->n < N_PACKETS) {
        packet *at = &way->ring[(way->first + way->n) % N_PACKETS];
        ssize_t n_bytes = read(way->from, at->data, sizeof(at->data));
        if (n_bytes <= 0) return;
        at->n_bytes = (size_t)n_bytes;
        at->due_ns = now_ns() + delay_ns;
        way->n++;
    }
}

/* What a device does not take is lost, as on any link. When the next is due; INT64_MAX = none. */
static int64_t give_out(direction *way)
{
    while (way->n > 0) {
        const packet *at = &way->ring[way->first];
        if (at->due_ns > now_ns()) return at->due_ns;
        if (write(way->to, at->data, at->n_bytes) < 0 && errno == EBADFD) exit(1);
        way->first = (way->first + 1) % N_PACKETS;
        way->n--;
    }
    return INT64_MAX;
}

_Noreturn static void relay(direction ways[2], int64_t delay_ns)
{
    struct pollfd ends[2] = {{.fd = ways[0].from, .events = POLLIN},
                             {.fd = ways[1].from, .events = POLLIN}};
    for (;;) {
        int64_t due_ns = INT64_MAX;
        for (int i = 0; i < 2; i++) {
            take_in(&ways[i], delay_ns);
            int64_t next_ns = give_out(&ways[i]);
            if (next_ns < due_ns) due_ns = next_ns;
            ends[i].events = ways[i].n < N_PACKETS ? POLLIN : 0;
        }
        int64_t left_ns = due_ns == INT64_MAX ? 1000000000 : due_ns - now_ns();
        if (left_ns < 0) left_ns = 0;
        ppoll(ends, 2,
              &(struct timespec){.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000},
              NULL);
    }
}

int main(int argc, char **argv)
{
    direction ways[2] = {0};
    if (argc != 5 || atol(argv[4]) < 0) {
        puts("usage: relay NAMESPACE_A NAMESPACE_B DEVICE MICROSECONDS");
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (int i = 0; i < 2; i++) {
        ways[i].from = ways[1 - i].to = open_device(argv[1 + i], argv[3]);
        ways[i].ring = malloc(N_PACKETS * sizeof(packet));
        if (ways[i].from < 0 || !ways[i].ring) return 77;
    }
    puts("ready");
    fflush(stdout);
    relay(ways, atol(argv[4]) * INT64_C(1000));
}

# tests/runtime/hosts.sh - two hosts on one machine: network namespaces with names of their own, joined
# by a link of a given rate, and mpirun over both. For other scripts to read:
#
#   hosts_up FOLDER MBIT [MICROSECONDS RELAY]   make them; FOLDER is for files of ours. With a delay the
#       link is a relay's (relay.c), each way takes so long. Not 0 where the machine refuses.
#   hosts_mpirun N ARGUMENT...   mpirun on N processes, half of them on each host
#   hosts_down   end them; call it by a trap
#
# The second host is entered by a remote shell of our own, so no sshd is needed. Root is.
# shellcheck shell=sh

hosts_name=weft-$$
hosts_relay=

hosts_up()
{
    hosts_agent=$1/enter_host
    for hosts_tool in ip tc unshare mpirun; do
        command -v "$hosts_tool" >/dev/null 2>&1 || return 1
    done
    for hosts_end in a b; do
        ip netns add "$hosts_name-$hosts_end" 2>/dev/null &&
            ip -n "$hosts_name-$hosts_end" link set lo up || return 1
    done
    if [ -n "$3" ]; then
        hosts_relay "$1" "$3" "$4" || return 1
    else
        ip link add weft netns "$hosts_name-a" type veth peer name weft netns "$hosts_name-b" || return 1
    fi
    hosts_address=1
    for hosts_end in a b; do
        ip -n "$hosts_name-$hosts_end" addr add 10.77.0.$hosts_address/24 dev weft &&
            ip -n "$hosts_name-$hosts_end" link set weft up &&
            tc -n "$hosts_name-$hosts_end" qdisc add dev weft root tbf \
                rate "${2}mbit" burst 256kb latency 50ms || return 1
        hosts_address=2
    done
    hosts_enter a true 2>/dev/null || return 1
    cat >"$hosts_agent" <<EOF
#!/bin/sh
# mpirun calls: enter_host ADDRESS COMMAND...
shift
exec ip netns exec $hosts_name-b unshare -u sh -c "hostname weft-b; \$*"
EOF
    chmod +x "$hosts_agent"
}

# hosts_relay FOLDER MICROSECONDS RELAY: both ends of a link that takes its time. Nothing is held back
# after a pause: a window that begins anew with each message would be another link.
hosts_relay()
{
    "$3" "$hosts_name-a" "$hosts_name-b" weft "$2" >"$1/relay" &
    hosts_relay=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        ! grep -q '^ready' "$1/relay" || break
        sleep 0.1
    done
    grep -q '^ready' "$1/relay" || return 1
    for hosts_end in a b; do
        ip -n "$hosts_name-$hosts_end" link set weft mtu 9000 txqueuelen 10000 || return 1
        ip netns exec "$hosts_name-$hosts_end" sh -c \
            'echo 0 >/proc/sys/net/ipv4/tcp_slow_start_after_idle' || return 1
    done
}

# hosts_enter END COMMAND...
hosts_enter()
{
    hosts_end=$1
    shift
    ip netns exec "$hosts_name-$hosts_end" unshare -u sh -c 'hostname "$0"; exec "$@"' \
        "weft-$hosts_end" "$@"
}

hosts_mpirun()
{
    hosts_n=$1
    shift
    hosts_enter a mpirun -n "$hosts_n" \
        --host "10.77.0.1:$((hosts_n / 2)),10.77.0.2:$((hosts_n / 2))" \
        --mca plm_rsh_agent "$hosts_agent" --mca oob_tcp_if_include 10.77.0.0/24 \
        --mca btl self,vader,tcp --mca btl_tcp_if_include 10.77.0.0/24 "$@"
}

hosts_down()
{
    [ -z "$hosts_relay" ] || kill "$hosts_relay" 2>/dev/null
    for hosts_end in a b; do
        ip netns pids "$hosts_name-$hosts_end" 2>/dev/null | xargs -r kill 2>/dev/null
        ip netns del "$hosts_name-$hosts_end" 2>/dev/null
    done
}

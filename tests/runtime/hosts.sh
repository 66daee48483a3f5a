# tests/runtime/hosts.sh - two hosts on one machine: network namespaces with names of their own, joined
# by a link of a given rate, and mpirun over both. For other scripts to read:
#
#   hosts_up FOLDER MBIT   make them; FOLDER is for a file of ours. Not 0 where the machine refuses.
#   hosts_mpirun N ARGUMENT...   mpirun on N processes, half of them on each host
#   hosts_down   end them; call it by a trap
#
# The second host is entered by a remote shell of our own, so no sshd is needed. Root is.
# shellcheck shell=sh

hosts_name=weft-$$

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
    ip link add wefta netns "$hosts_name-a" type veth peer name weftb netns "$hosts_name-b" &&
        ip -n "$hosts_name-a" addr add 10.77.0.1/24 dev wefta &&
        ip -n "$hosts_name-b" addr add 10.77.0.2/24 dev weftb || return 1
    for hosts_end in a b; do
        ip -n "$hosts_name-$hosts_end" link set "weft$hosts_end" up &&
            tc -n "$hosts_name-$hosts_end" qdisc add dev "weft$hosts_end" root tbf \
                rate "${2}mbit" burst 256kb latency 50ms || return 1
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
    for hosts_end in a b; do
        ip netns pids "$hosts_name-$hosts_end" 2>/dev/null | xargs -r kill 2>/dev/null
        ip netns del "$hosts_name-$hosts_end" 2>/dev/null
    done
}

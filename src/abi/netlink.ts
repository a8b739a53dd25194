/** netlink(7), rtnetlink(7): linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h. */

export const NETLINK = { ROUTE: 0, KOBJECT_UEVENT: 15 } as const;
export const NETLINK_MAX = 32;
/** struct sockaddr_nl: family, pad, port id, groups. */
export const SOCKADDR_NL = { pid: 4, groups: 8, size: 12 } as const;
/** struct nlmsghdr. */
export const NLMSGHDR = { len: 0, type: 4, flags: 6, seq: 8, pid: 12, size: 16 } as const;
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, MIN_TYPE: 0x10 } as const;
export const NLM_F = { REQUEST: 1, MULTI: 2, ACK: 4, ROOT: 0x100, MATCH: 0x200, CAPPED: 0x100 } as const;
export const RTM = { NEWLINK: 16, GETLINK: 18, NEWADDR: 20, GETADDR: 22, GETROUTE: 26, MAX: 123 } as const;
export const IFLA = {
  ADDRESS: 1, BROADCAST: 2, IFNAME: 3, MTU: 4, QDISC: 6, TXQLEN: 13, OPERSTATE: 16, LINKMODE: 17, GROUP: 27,
} as const;
export const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, CACHEINFO: 6, FLAGS: 8 } as const;
export const IFA_F_PERMANENT = 0x80;
export const RT_SCOPE_HOST = 254;

export const SOL_NETLINK = 270;
export const NETLINK_OPTION = {
  ADD_MEMBERSHIP: 1, DROP_MEMBERSHIP: 2, PKTINFO: 3, BROADCAST_ERROR: 4, NO_ENOBUFS: 5, CAP_ACK: 10, EXT_ACK: 11,
  GET_STRICT_CHK: 12,
} as const;

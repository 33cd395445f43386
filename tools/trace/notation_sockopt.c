/* Options of sockets: levels, names, values. */
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "tools/trace/notation.h"

ONE_OF_TYPE(socket_level, "SOL_??", FLAG(SOL_IP), FLAG(SOL_SOCKET), FLAG(SOL_TCP), {17, "SOL_UDP"}, {40, "AF_VSOCK"},
    FLAG(SOL_IPV6), FLAG(SOL_ICMPV6), {132, "SOL_SCTP"}, {136, "SOL_UDPLITE"}, FLAG(SOL_RAW), FLAG(SOL_PACKET),
    FLAG(SOL_NETLINK), FLAG(SOL_TIPC), FLAG(SOL_ALG), FLAG(SOL_XDP));

ONE_OF_SET(socket_option, "SO_???", FLAG(SO_DEBUG), FLAG(SO_REUSEADDR), FLAG(SO_TYPE), FLAG(SO_ERROR),
    FLAG(SO_DONTROUTE), FLAG(SO_BROADCAST), FLAG(SO_SNDBUF), FLAG(SO_RCVBUF), FLAG(SO_KEEPALIVE), FLAG(SO_OOBINLINE),
    FLAG(SO_NO_CHECK), FLAG(SO_PRIORITY), FLAG(SO_LINGER), FLAG(SO_BSDCOMPAT), FLAG(SO_REUSEPORT), FLAG(SO_PASSCRED),
    FLAG(SO_PEERCRED), FLAG(SO_RCVLOWAT), FLAG(SO_SNDLOWAT), {20, "SO_RCVTIMEO_OLD"}, {21, "SO_SNDTIMEO_OLD"},
    FLAG(SO_BINDTODEVICE), FLAG(SO_ATTACH_FILTER), FLAG(SO_DETACH_FILTER), FLAG(SO_PEERNAME), FLAG(SO_ACCEPTCONN),
    FLAG(SO_PEERSEC), FLAG(SO_SNDBUFFORCE), FLAG(SO_RCVBUFFORCE), FLAG(SO_PASSSEC), FLAG(SO_MARK), FLAG(SO_PROTOCOL),
    FLAG(SO_DOMAIN), FLAG(SO_RXQ_OVFL), FLAG(SO_PEEK_OFF), FLAG(SO_NOFCS), FLAG(SO_BUSY_POLL), FLAG(SO_INCOMING_CPU),
    FLAG(SO_COOKIE), FLAG(SO_PEERGROUPS), FLAG(SO_ZEROCOPY), {29, "SO_TIMESTAMP_OLD"}, {35, "SO_TIMESTAMPNS_OLD"},
    {37, "SO_TIMESTAMPING_OLD"});

ONE_OF_SET(tcp_option, "TCP_???", FLAG(TCP_NODELAY), FLAG(TCP_MAXSEG), FLAG(TCP_CORK), FLAG(TCP_KEEPIDLE),
    FLAG(TCP_KEEPINTVL), FLAG(TCP_KEEPCNT), FLAG(TCP_SYNCNT), FLAG(TCP_LINGER2), FLAG(TCP_DEFER_ACCEPT),
    FLAG(TCP_WINDOW_CLAMP), FLAG(TCP_INFO), FLAG(TCP_QUICKACK), FLAG(TCP_CONGESTION), FLAG(TCP_USER_TIMEOUT),
    FLAG(TCP_FASTOPEN), FLAG(TCP_FASTOPEN_CONNECT), FLAG(TCP_NOTSENT_LOWAT), FLAG(TCP_ULP));

ONE_OF_SET(ip_option, "IP_???", FLAG(IP_TOS), FLAG(IP_TTL), FLAG(IP_HDRINCL), FLAG(IP_OPTIONS), FLAG(IP_RECVOPTS),
    FLAG(IP_PKTINFO), FLAG(IP_MTU_DISCOVER), FLAG(IP_RECVERR), FLAG(IP_RECVTTL), FLAG(IP_RECVTOS), FLAG(IP_MTU),
    FLAG(IP_FREEBIND), FLAG(IP_TRANSPARENT), FLAG(IP_BIND_ADDRESS_NO_PORT), FLAG(IP_MULTICAST_IF),
    FLAG(IP_MULTICAST_TTL), FLAG(IP_MULTICAST_LOOP), FLAG(IP_ADD_MEMBERSHIP), FLAG(IP_DROP_MEMBERSHIP));

ONE_OF_SET(ipv6_option, "IPV6_???", FLAG(IPV6_UNICAST_HOPS), FLAG(IPV6_MULTICAST_IF), FLAG(IPV6_MULTICAST_HOPS),
    FLAG(IPV6_MULTICAST_LOOP), {20, "IPV6_ADD_MEMBERSHIP"}, {21, "IPV6_DROP_MEMBERSHIP"}, FLAG(IPV6_MTU_DISCOVER),
    FLAG(IPV6_MTU), FLAG(IPV6_RECVERR), FLAG(IPV6_V6ONLY), FLAG(IPV6_RECVPKTINFO), FLAG(IPV6_PKTINFO),
    FLAG(IPV6_RECVHOPLIMIT), FLAG(IPV6_HOPLIMIT), FLAG(IPV6_RECVTCLASS), FLAG(IPV6_TCLASS));

ONE_OF_SET(udp_option, "UDP_???", FLAG(UDP_CORK), FLAG(UDP_ENCAP), FLAG(UDP_SEGMENT), FLAG(UDP_GRO));

ONE_OF_SET(netlink_option, "NETLINK_???", FLAG(NETLINK_ADD_MEMBERSHIP), FLAG(NETLINK_DROP_MEMBERSHIP),
    FLAG(NETLINK_PKTINFO), FLAG(NETLINK_BROADCAST_ERROR), FLAG(NETLINK_NO_ENOBUFS), FLAG(NETLINK_LISTEN_ALL_NSID),
    FLAG(NETLINK_LIST_MEMBERSHIPS), FLAG(NETLINK_CAP_ACK), FLAG(NETLINK_EXT_ACK), FLAG(NETLINK_GET_STRICT_CHK));

static const struct level {
	int level;
	const struct flag_set *options;
} levels[] = {
    {SOL_SOCKET, &socket_option_set},
    {SOL_TCP, &tcp_option_set},
    {SOL_IP, &ip_option_set},
    {SOL_IPV6, &ipv6_option_set},
    {SOL_UDP, &udp_option_set},
    {SOL_NETLINK, &netlink_option_set},
};

static void socket_option_arg(FILE *out, const struct argument *a)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (levels[i].level == (int)a->call->args[1]) {
			flags_print(out, levels[i].options, (uint32_t)a->word);
			return;
		}
	fprintf(out, "%u", (unsigned)a->word);
}
PLAIN_TYPE(socket_option, socket_option_arg);

static void linger_print(FILE *out, const uint8_t *bytes)
{
	struct linger l;

	memcpy(&l, bytes, sizeof(l));
	fprintf(out, "{l_onoff=%d, l_linger=%d}", l.l_onoff, l.l_linger);
}

void credentials_print(FILE *out, const uint8_t *bytes)
{
	struct ucred u;

	memcpy(&u, bytes, sizeof(u));
	fprintf(out, "{pid=%d, uid=%d, gid=%d}", u.pid, (int)u.uid, (int)u.gid);
}

/* Values that are more than a number. */
static const struct {
	int option;
	struct structure structure;
} values[] = {
    {SO_LINGER, {sizeof(struct linger), linger_print}}, {SO_PEERCRED, {sizeof(struct ucred), credentials_print}},
    {20, {sizeof(struct timeval), timeval_print}}, /* SO_RCVTIMEO_OLD */
    {21, {sizeof(struct timeval), timeval_print}}, /* SO_SNDTIMEO_OLD */
};

static bool value_print(FILE *out, int option, const struct capture *c)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (values[i].option == option && c->size >= values[i].structure.size) {
			values[i].structure.print(out, c->bytes);
			return true;
		}
	return false;
}

static bool is_error(const struct argument *a)
{
	return a->type->out && (int)a->call->args[1] == SOL_SOCKET && (int)a->call->args[2] == SO_ERROR;
}

static void sockopt_arg(FILE *out, const struct argument *a)
{
	const struct capture *c = capture_of(a->call, a->index, 0);
	int number;

	if (!c || (a->type->out && !succeeded(a->call))) {
		address_print(out, a->word);
		return;
	}
	if ((int)a->call->args[1] == SOL_SOCKET && value_print(out, (int)a->call->args[2], c))
		return;
	if (c->size != sizeof(number) || c->of != c->size) {
		buffer_print(out, c, c->of);
		return;
	}
	memcpy(&number, c->bytes, sizeof(number));
	const char *error = is_error(a) ? strerrorname_np(number) : NULL;
	if (error && number)
		fprintf(out, "[%s]", error);
	else
		fprintf(out, "[%d]", number);
}

PLAIN_TYPE(sockopt, sockopt_arg);
PLAIN_OUT_TYPE(sockopt_out, sockopt_arg);

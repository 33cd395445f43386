/* Arguments of calls on sockets: addresses, options, messages. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tools/trace/notation.h"

static void inet_print(FILE *out, const uint8_t *bytes)
{
	struct sockaddr_in in;
	char text[INET_ADDRSTRLEN];

	memcpy(&in, bytes, sizeof(in));
	fprintf(out, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", ntohs(in.sin_port),
	    inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text)));
}

static void inet6_print(FILE *out, const uint8_t *bytes)
{
	struct sockaddr_in6 in;
	char text[INET6_ADDRSTRLEN];

	memcpy(&in, bytes, sizeof(in));
	fprintf(out, ", sin6_port=htons(%u), sin6_flowinfo=htonl(%u), inet_pton(AF_INET6, \"%s\", &sin6_addr)",
	    ntohs(in.sin6_port), ntohl(in.sin6_flowinfo), inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text)));
	fprintf(out, ", sin6_scope_id=%u", in.sin6_scope_id);
}

/* An abstract name begins with a NUL and may hold others. */
static void unix_print(FILE *out, const uint8_t *bytes, size_t size, bool more)
{
	const uint8_t *path = bytes + offsetof(struct sockaddr_un, sun_path);
	size_t n = size - offsetof(struct sockaddr_un, sun_path);

	fputs(", sun_path=", out);
	if (n > 1 && !*path) {
		fputc('@', out);
		string_print(out, path + 1, n - 1, more);
	} else {
		size_t length = strnlen((const char *)path, n);
		string_print(out, path, length, more && length == n);
	}
}

static void netlink_print(FILE *out, const uint8_t *bytes)
{
	struct sockaddr_nl nl;

	memcpy(&nl, bytes, sizeof(nl));
	fprintf(out, ", nl_pid=%d, nl_groups=%#08x", (int)nl.nl_pid, nl.nl_groups);
}

static void sockaddr_print(FILE *out, const struct capture *c)
{
	sa_family_t family;

	memcpy(&family, c->bytes, sizeof(family));
	fputs("{sa_family=", out);
	flags_print(out, &type_address_family.set, family);
	if (family == AF_INET && c->size >= sizeof(struct sockaddr_in))
		inet_print(out, c->bytes);
	else if (family == AF_INET6 && c->size >= sizeof(struct sockaddr_in6))
		inet6_print(out, c->bytes);
	else if (family == AF_NETLINK && c->size >= sizeof(struct sockaddr_nl))
		netlink_print(out, c->bytes);
	else if (family == AF_UNIX && c->size > sizeof(family))
		unix_print(out, c->bytes, c->size, c->of > c->size);
	else if (c->size > sizeof(family)) {
		fputs(", sa_data=", out);
		string_print(out, c->bytes + sizeof(family), c->size - sizeof(family), c->of > c->size);
	}
	fputc('}', out);
}

/* The family at least must be there. */
static void sockaddr_capture_print(FILE *out, const struct call *c, unsigned arg, unsigned part, uint64_t address)
{
	const struct capture *capture = capture_of(c, arg, part);

	if (capture && capture->size >= sizeof(sa_family_t))
		sockaddr_print(out, capture);
	else
		address_print(out, address);
}

static void sockaddr_arg(FILE *out, const struct argument *a)
{
	if (!a->type->out || succeeded(a->call))
		sockaddr_capture_print(out, a->call, a->index, 0, a->word);
	else
		address_print(out, a->word);
}

PLAIN_TYPE(sockaddr, sockaddr_arg);
PLAIN_OUT_TYPE(sockaddr_out, sockaddr_arg);

STRUCT_TYPE(length_at, number_at_print, sizeof(int));

ONE_OF_TYPE(address_family, "AF_???", FLAG(AF_UNSPEC), FLAG(AF_UNIX), FLAG(AF_INET), FLAG(AF_AX25), FLAG(AF_IPX),
    FLAG(AF_APPLETALK), FLAG(AF_NETROM), FLAG(AF_BRIDGE), FLAG(AF_ATMPVC), FLAG(AF_X25), FLAG(AF_INET6), FLAG(AF_ROSE),
    FLAG(AF_DECnet), FLAG(AF_NETBEUI), FLAG(AF_SECURITY), FLAG(AF_KEY), FLAG(AF_NETLINK), FLAG(AF_PACKET), FLAG(AF_ASH),
    FLAG(AF_ECONET), FLAG(AF_ATMSVC), FLAG(AF_RDS), FLAG(AF_SNA), FLAG(AF_IRDA), FLAG(AF_PPPOX), FLAG(AF_WANPIPE),
    FLAG(AF_LLC), FLAG(AF_IB), FLAG(AF_MPLS), FLAG(AF_CAN), FLAG(AF_TIPC), FLAG(AF_BLUETOOTH), FLAG(AF_IUCV),
    FLAG(AF_RXRPC), FLAG(AF_ISDN), FLAG(AF_PHONET), FLAG(AF_IEEE802154), FLAG(AF_CAIF), FLAG(AF_ALG), FLAG(AF_NFC),
    FLAG(AF_VSOCK), FLAG(AF_KCM), FLAG(AF_QIPCRTR), FLAG(AF_SMC), FLAG(AF_XDP), {45, "AF_MCTP"});

ONE_OF_SET(kind, "SOCK_???", FLAG(SOCK_STREAM), FLAG(SOCK_DGRAM), FLAG(SOCK_RAW), FLAG(SOCK_RDM), FLAG(SOCK_SEQPACKET),
    FLAG(SOCK_DCCP), FLAG(SOCK_PACKET));

static void socket_type_arg(FILE *out, const struct argument *a)
{
	uint32_t value = (uint32_t)a->word;

	if (flag_name(&kind_set, value & 0xf)) {
		flags_print(out, &kind_set, value & 0xf);
		flags_append(out, &type_socket_flags.set, value & ~0xfU);
	} else {
		flags_print(out, &type_socket_flags.set, value);
	}
}
PLAIN_TYPE(socket_type, socket_type_arg);

ONE_OF_SET(protocol, "IPPROTO_???", FLAG(IPPROTO_IP), FLAG(IPPROTO_ICMP), FLAG(IPPROTO_IGMP), FLAG(IPPROTO_IPIP),
    FLAG(IPPROTO_TCP), FLAG(IPPROTO_EGP), FLAG(IPPROTO_PUP), FLAG(IPPROTO_UDP), FLAG(IPPROTO_IDP), FLAG(IPPROTO_TP),
    FLAG(IPPROTO_DCCP), FLAG(IPPROTO_IPV6), FLAG(IPPROTO_RSVP), FLAG(IPPROTO_GRE), FLAG(IPPROTO_ESP), FLAG(IPPROTO_AH),
    FLAG(IPPROTO_ICMPV6), FLAG(IPPROTO_MTP), FLAG(IPPROTO_BEETPH), FLAG(IPPROTO_ENCAP), FLAG(IPPROTO_PIM),
    FLAG(IPPROTO_COMP), FLAG(IPPROTO_SCTP), FLAG(IPPROTO_UDPLITE), FLAG(IPPROTO_MPLS), FLAG(IPPROTO_ETHERNET),
    FLAG(IPPROTO_RAW), FLAG(IPPROTO_MPTCP));
ONE_OF_SET(netlink, "NETLINK_???", FLAG(NETLINK_ROUTE), FLAG(NETLINK_UNUSED), FLAG(NETLINK_USERSOCK),
    FLAG(NETLINK_FIREWALL), FLAG(NETLINK_SOCK_DIAG), FLAG(NETLINK_NFLOG), FLAG(NETLINK_XFRM), FLAG(NETLINK_SELINUX),
    FLAG(NETLINK_ISCSI), FLAG(NETLINK_AUDIT), FLAG(NETLINK_FIB_LOOKUP), FLAG(NETLINK_CONNECTOR),
    FLAG(NETLINK_NETFILTER), FLAG(NETLINK_IP6_FW), FLAG(NETLINK_DNRTMSG), FLAG(NETLINK_KOBJECT_UEVENT),
    FLAG(NETLINK_GENERIC), FLAG(NETLINK_SCSITRANSPORT), FLAG(NETLINK_ECRYPTFS), FLAG(NETLINK_RDMA),
    FLAG(NETLINK_CRYPTO), FLAG(NETLINK_SMC));

ONE_OF_SET(ethernet, "ETH_P_???", FLAG(ETH_P_ALL), FLAG(ETH_P_IP), FLAG(ETH_P_IPV6), FLAG(ETH_P_ARP), FLAG(ETH_P_RARP),
    FLAG(ETH_P_8021Q), FLAG(ETH_P_LOOP), FLAG(ETH_P_PAE), FLAG(ETH_P_LLDP), FLAG(ETH_P_802_2));

static void protocol_arg(FILE *out, const struct argument *a)
{
	switch ((int)a->call->args[0]) {
	case AF_INET:
	case AF_INET6:
		flags_print(out, &protocol_set, (uint32_t)a->word);
		break;
	case AF_NETLINK:
		flags_print(out, &netlink_set, (uint32_t)a->word);
		break;
	case AF_PACKET:
		fputs("htons(", out);
		flags_print(out, &ethernet_set, ntohs((uint16_t)a->word));
		fputc(')', out);
		break;
	default:
		fprintf(out, "%u", (unsigned)a->word);
	}
}
PLAIN_TYPE(protocol, protocol_arg);

ONE_OF_SET(control, "SCM_???", FLAG(SCM_RIGHTS), FLAG(SCM_CREDENTIALS));

static void control_data_print(FILE *out, const struct cmsghdr *h, const uint8_t *data, size_t size)
{
	bool socket = h->cmsg_level == SOL_SOCKET;

	if (socket && h->cmsg_type == SCM_CREDENTIALS && size == sizeof(struct ucred)) {
		credentials_print(out, data);
		return;
	}
	if (!socket || h->cmsg_type != SCM_RIGHTS) {
		string_print(out, data, size, false);
		return;
	}
	fputc('[', out);
	for (size_t i = 0; i < size / sizeof(int); i++) {
		int fd;
		memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
		fprintf(out, i ? ", %d" : "%d", fd);
	}
	fputc(']', out);
}

static void control_message_print(FILE *out, const struct cmsghdr *h, const uint8_t *data, size_t size)
{
	fprintf(out, "{cmsg_len=%zu, cmsg_level=", h->cmsg_len);
	flags_print(out, &type_socket_level.set, (uint32_t)h->cmsg_level);
	fputs(", cmsg_type=", out);
	if (h->cmsg_level == SOL_SOCKET)
		flags_print(out, &control_set, (uint32_t)h->cmsg_type);
	else
		fprintf(out, "%#x", h->cmsg_type);
	if (size) {
		fputs(", cmsg_data=", out);
		control_data_print(out, h, data, size);
	}
	fputc('}', out);
}

/* Of a message that runs over the end, the rest is not shown. */
static void control_print(FILE *out, const struct capture *c)
{
	struct cmsghdr h;
	size_t at = 0;

	fputc('[', out);
	while (c->size - at >= sizeof(h)) {
		memcpy(&h, c->bytes + at, sizeof(h));
		if (h.cmsg_len < sizeof(h) || h.cmsg_len > c->size - at)
			break;
		fputs(at ? ", " : "", out);
		control_message_print(out, &h, c->bytes + at + sizeof(h), h.cmsg_len - sizeof(h));
		at += CMSG_ALIGN(h.cmsg_len);
		if (at > c->size)
			at = c->size;
	}
	fputs(at < c->size || c->of > c->size ? ", ...]" : "]", out);
}

/* The parts of a captured message: runtime/trace_format.h. */
enum { MESSAGE_NAME = 5, MESSAGE_VECTOR = 6, MESSAGE_CONTROL = 7 };

static void message_print(FILE *out, const struct argument *a, bool filled)
{
	const struct call *c = a->call;
	const uint8_t *bytes = captured(c, a->index, 0, sizeof(struct msghdr));
	const struct capture *control = capture_of(c, a->index, MESSAGE_CONTROL);
	struct msghdr m;

	if (!bytes) {
		address_print(out, a->word);
		return;
	}
	memcpy(&m, bytes, sizeof(m));
	if (filled && !succeeded(c)) {
		fprintf(out, "{msg_namelen=%u}", m.msg_namelen);
		return;
	}
	fputs("{msg_name=", out);
	sockaddr_capture_print(out, c, a->index, MESSAGE_NAME, (uint64_t)m.msg_name);
	fprintf(out, ", msg_namelen=%u, msg_iov=", m.msg_namelen);
	iovec_print(out, c, a->index, MESSAGE_VECTOR, (uint64_t)m.msg_iov, filled, true);
	fprintf(out, ", msg_iovlen=%zu", m.msg_iovlen);
	if (m.msg_controllen) {
		fputs(", msg_control=", out);
		if (control)
			control_print(out, control);
		else
			address_print(out, (uint64_t)m.msg_control);
	}
	fprintf(out, ", msg_controllen=%zu, msg_flags=", m.msg_controllen);
	flags_print(out, &type_message_flags.set, (uint32_t)m.msg_flags);
	fputc('}', out);
}

static void message_arg(FILE *out, const struct argument *a)
{
	message_print(out, a, false);
}

static void message_out_arg(FILE *out, const struct argument *a)
{
	message_print(out, a, true);
}

PLAIN_TYPE(message, message_arg);
PLAIN_OUT_TYPE(message_out, message_out_arg);

/* Of many messages at once only the headers are captured. */
static void mmsghdr_print(FILE *out, const uint8_t *bytes)
{
	struct mmsghdr m;

	memcpy(&m, bytes, sizeof(m));
	fputs("{msg_hdr={msg_name=", out);
	address_print(out, (uint64_t)m.msg_hdr.msg_name);
	fprintf(out, ", msg_namelen=%u, msg_iov=", m.msg_hdr.msg_namelen);
	address_print(out, (uint64_t)m.msg_hdr.msg_iov);
	fprintf(out, ", msg_iovlen=%zu", m.msg_hdr.msg_iovlen);
	if (m.msg_hdr.msg_controllen) {
		fputs(", msg_control=", out);
		address_print(out, (uint64_t)m.msg_hdr.msg_control);
	}
	fprintf(out, ", msg_controllen=%zu, msg_flags=", m.msg_hdr.msg_controllen);
	flags_print(out, &type_message_flags.set, (uint32_t)m.msg_hdr.msg_flags);
	fprintf(out, "}, msg_len=%u}", m.msg_len);
}

ARRAY_TYPE(messages, mmsghdr_print, sizeof(struct mmsghdr));
ARRAY_OUT_TYPE(messages_out, mmsghdr_print, sizeof(struct mmsghdr));

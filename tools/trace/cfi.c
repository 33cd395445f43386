/*
 * The call frame information of an address, in .eh_frame: found by the search table of .eh_frame_hdr, or by reading all
 * of it. libunwind interprets it, but it indexes by registers that it reads, follows jumps, and is not made for files
 * that are damaged or made to do damage: what it will read is looked through here first.
 */
#include "tools/trace/image.h"

#include <dwarf.h>
#include <string.h>

/* Longer ones are in no program. */
enum { ENTRY_MOST = 1 << 20, COMMON_MOST = 1024, REMEMBERED_MOST = 32, REGISTERS = 17 };

/* Bytes that are read from the front. `bad`: they were not enough, or not what is known. */
struct bytes {
	const uint8_t *at, *end;
	uint64_t vaddr; /* of at */
	bool bad;
};

struct entry {
	uint8_t encoding; /* of addresses */
	bool sized;       /* has augmentation data */
};

static uint64_t fixed(struct bytes *b, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(b->end - b->at) < size) {
		b->bad = true;
		return 0;
	}
	memcpy(&value, b->at, size);
	b->at += size;
	b->vaddr += size;
	return value;
}

static void skip(struct bytes *b, uint64_t size)
{
	if ((uint64_t)(b->end - b->at) < size) {
		b->bad = true;
		return;
	}
	b->at += size;
	b->vaddr += size;
}

/* Signed ones have the same length; only lengths and registers are of interest. */
static uint64_t leb128(struct bytes *b)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = (uint8_t)fixed(b, 1);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	b->bad = true;
	return 0;
}

/* What gcc, clang and hand-written assembly use for addresses. Of an indirect one: where it is. */
static uint64_t encoded(struct bytes *b, uint8_t encoding)
{
	uint64_t base = (encoding & 0x70) == DW_EH_PE_pcrel ? b->vaddr : 0, value;

	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		value = fixed(b, 8);
		break;
	case DW_EH_PE_udata4:
		value = fixed(b, 4);
		break;
	case DW_EH_PE_sdata4:
		value = (uint64_t)(int32_t)fixed(b, 4);
		break;
	default:
		b->bad = true;
		return 0;
	}
	if ((encoding & 0x70) != DW_EH_PE_pcrel && (encoding & 0x70) != DW_EH_PE_absptr)
		b->bad = true;
	return base + value;
}

/* Operators of expressions: no jumps, no division, no calls. 0: not among them. */
enum operand { OPERATOR_NO_, OPERAND_NONE, OPERAND_1, OPERAND_2, OPERAND_4, OPERAND_8, OPERAND_LEB };

static const uint8_t operators[256] = {
    [DW_OP_deref] = OPERAND_NONE,
    [DW_OP_const1u] = OPERAND_1,
    [DW_OP_const1s] = OPERAND_1,
    [DW_OP_const2u] = OPERAND_2,
    [DW_OP_const2s] = OPERAND_2,
    [DW_OP_const4u] = OPERAND_4,
    [DW_OP_const4s] = OPERAND_4,
    [DW_OP_const8u] = OPERAND_8,
    [DW_OP_const8s] = OPERAND_8,
    [DW_OP_constu] = OPERAND_LEB,
    [DW_OP_consts] = OPERAND_LEB,
    [DW_OP_dup] = OPERAND_NONE,
    [DW_OP_drop] = OPERAND_NONE,
    [DW_OP_over] = OPERAND_NONE,
    [DW_OP_swap] = OPERAND_NONE,
    [DW_OP_rot] = OPERAND_NONE,
    [DW_OP_abs] = OPERAND_NONE,
    [DW_OP_and] = OPERAND_NONE,
    [DW_OP_minus] = OPERAND_NONE,
    [DW_OP_mul] = OPERAND_NONE,
    [DW_OP_neg] = OPERAND_NONE,
    [DW_OP_not] = OPERAND_NONE,
    [DW_OP_or] = OPERAND_NONE,
    [DW_OP_plus] = OPERAND_NONE,
    [DW_OP_plus_uconst] = OPERAND_LEB,
    [DW_OP_shl] = OPERAND_NONE,
    [DW_OP_shr] = OPERAND_NONE,
    [DW_OP_shra] = OPERAND_NONE,
    [DW_OP_xor] = OPERAND_NONE,
    [DW_OP_eq] = OPERAND_NONE,
    [DW_OP_ge] = OPERAND_NONE,
    [DW_OP_gt] = OPERAND_NONE,
    [DW_OP_le] = OPERAND_NONE,
    [DW_OP_lt] = OPERAND_NONE,
    [DW_OP_ne] = OPERAND_NONE,
    [DW_OP_lit0... DW_OP_lit31] = OPERAND_NONE,
    [DW_OP_breg0... DW_OP_breg16] = OPERAND_LEB,
    [DW_OP_nop] = OPERAND_NONE,
};

static void check_expression(struct bytes *b)
{
	uint64_t size = leb128(b);

	if (b->bad || size > (uint64_t)(b->end - b->at)) {
		b->bad = true;
		return;
	}
	const uint8_t *end = b->at + size;
	while (b->at < end && !b->bad)
		switch (operators[fixed(b, 1)]) {
		case OPERAND_NONE:
			break;
		case OPERAND_1:
			skip(b, 1);
			break;
		case OPERAND_2:
			skip(b, 2);
			break;
		case OPERAND_4:
			skip(b, 4);
			break;
		case OPERAND_8:
			skip(b, 8);
			break;
		case OPERAND_LEB:
			leb128(b);
			break;
		default:
			b->bad = true;
		}
	if (b->at != end)
		b->bad = true;
}

/* Instructions of a program, and what follows each: r a register, n a number, x an expression, 1 2 4 bytes. */
static const char *const instructions[0x40] = {
    [DW_CFA_nop] = "",
    [DW_CFA_advance_loc1] = "1",
    [DW_CFA_advance_loc2] = "2",
    [DW_CFA_advance_loc4] = "4",
    [DW_CFA_offset_extended] = "rn",
    [DW_CFA_restore_extended] = "r",
    [DW_CFA_undefined] = "r",
    [DW_CFA_same_value] = "r",
    [DW_CFA_register] = "rr",
    [DW_CFA_remember_state] = "",
    [DW_CFA_restore_state] = "",
    [DW_CFA_def_cfa] = "rn",
    [DW_CFA_def_cfa_register] = "r",
    [DW_CFA_def_cfa_offset] = "n",
    [DW_CFA_def_cfa_expression] = "x",
    [DW_CFA_expression] = "rx",
    [DW_CFA_offset_extended_sf] = "rn",
    [DW_CFA_def_cfa_sf] = "rn",
    [DW_CFA_def_cfa_offset_sf] = "n",
    [DW_CFA_val_expression] = "rx",
    [DW_CFA_GNU_args_size] = "n",
    [DW_CFA_GNU_negative_offset_extended] = "rn",
};

static void check_operands(struct bytes *b, const char *operands)
{
	for (; *operands && !b->bad; operands++)
		switch (*operands) {
		case 'r':
			if (leb128(b) >= REGISTERS)
				b->bad = true;
			break;
		case 'n':
			leb128(b);
			break;
		case 'x':
			check_expression(b);
			break;
		default:
			skip(b, (uint64_t)(*operands - '0'));
		}
}

static bool check_program(struct bytes b)
{
	int remembered = 0;

	while (b.at < b.end && !b.bad) {
		uint8_t op = (uint8_t)fixed(&b, 1), high = op & 0xc0;

		if (high == DW_CFA_advance_loc)
			continue;
		if (high) {
			b.bad |= (op & 0x3f) >= REGISTERS;
			if (high == DW_CFA_offset)
				leb128(&b);
			continue;
		}
		remembered += (op == DW_CFA_remember_state) - (op == DW_CFA_restore_state);
		if (!instructions[op] || remembered < 0 || remembered > REMEMBERED_MOST)
			return false;
		check_operands(&b, instructions[op]);
	}
	return !b.bad;
}

/* The bytes of an entry behind its length. The 64-bit format is not used in .eh_frame. */
static struct bytes entry_bytes(const struct image *image, uint64_t vaddr, uint32_t most)
{
	struct bytes bad = {.bad = true};
	const uint8_t *p = image_at(image, vaddr, 4);
	uint32_t size;

	if (!p)
		return bad;
	memcpy(&size, p, 4);
	p = size >= 4 && size < most ? image_at(image, vaddr + 4, size) : NULL;
	return p ? (struct bytes){p, p + size, vaddr + 4, false} : bad;
}

static void check_augmentation(struct bytes *b, const char *letters, struct entry *cie)
{
	for (; *letters && !b->bad; letters++)
		switch (*letters) {
		case 'R':
			cie->encoding = (uint8_t)fixed(b, 1);
			b->bad |= (cie->encoding & DW_EH_PE_indirect) != 0;
			break;
		case 'L':
			fixed(b, 1);
			break;
		case 'P':
			encoded(b, (uint8_t)fixed(b, 1));
			break;
		case 'S':
		case 'B':
			break;
		default:
			b->bad = true;
		}
}

/* It is read again for each that refers to it. */
static bool read_cie(const struct image *image, uint64_t vaddr, struct entry *cie)
{
	struct bytes b = entry_bytes(image, vaddr, COMMON_MOST);
	char letters[8] = "";

	*cie = (struct entry){.encoding = DW_EH_PE_absptr};
	if (fixed(&b, 4) != 0 || b.bad)
		return false;
	uint8_t version = (uint8_t)fixed(&b, 1);
	for (size_t i = 0; (letters[i] = (char)fixed(&b, 1)) && !b.bad; i++)
		if (i == sizeof(letters) - 2)
			return false;
	leb128(&b); /* code alignment */
	leb128(&b); /* data alignment */
	uint64_t column = version == 1 ? fixed(&b, 1) : leb128(&b);
	if (b.bad || (version != 1 && version != 3) || column >= REGISTERS)
		return false;
	cie->sized = *letters == 'z';
	if (!cie->sized && *letters)
		return false;
	if (cie->sized) {
		uint64_t size = leb128(&b);
		struct bytes data = b;

		skip(&b, size);
		if (b.bad)
			return false;
		data.end = b.at;
		check_augmentation(&data, letters + 1, cie);
		if (data.bad || data.at != data.end) /* libunwind takes the program to begin behind what it knows */
			return false;
	}
	return check_program(b);
}

/* That of this address, and no other. */
static bool read_fde(const struct image *image, uint64_t fde, uint64_t vaddr, struct cfi *cfi)
{
	struct bytes b = entry_bytes(image, fde, ENTRY_MOST);
	uint64_t id_at = b.vaddr;
	uint32_t id = (uint32_t)fixed(&b, 4);
	struct entry cie;

	if (b.bad || id == 0 || !read_cie(image, id_at - id, &cie))
		return false;
	cfi->fde = fde;
	cfi->start = encoded(&b, cie.encoding);
	cfi->end = cfi->start + encoded(&b, cie.encoding & 0x0f);
	if (cie.sized)
		skip(&b, leb128(&b));
	return !b.bad && cfi->end > cfi->start && vaddr - cfi->start < cfi->end - cfi->start && check_program(b);
}

/* The search table: pairs of a function's begin and its entry, sorted, as distances from the table's section. */
static bool find_in_table(const struct image *image, uint64_t vaddr, uint64_t *fde)
{
	const struct extent *hdr = &image->eh_frame_hdr;
	const uint8_t *p = hdr->size ? image_at(image, hdr->vaddr, hdr->size) : NULL;
	int32_t pair[2];

	if (!p)
		return false;
	struct bytes b = {p, p + hdr->size, hdr->vaddr, false};
	if (fixed(&b, 1) != 1)
		return false;
	uint8_t frame = (uint8_t)fixed(&b, 1), count = (uint8_t)fixed(&b, 1), table = (uint8_t)fixed(&b, 1);
	if (table != (DW_EH_PE_datarel | DW_EH_PE_sdata4))
		return false;
	encoded(&b, frame);
	uint64_t low = 0, high = encoded(&b, count), room = (uint64_t)(b.end - b.at) / sizeof(pair);
	if (b.bad)
		return false;
	high = high < room ? high : room;
	while (low < high) {
		uint64_t middle = (low + high) / 2;

		memcpy(pair, b.at + middle * sizeof(pair), sizeof(pair));
		if (hdr->vaddr + (uint64_t)(int64_t)pair[0] <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	memcpy(pair, b.at + (low - 1) * sizeof(pair), sizeof(pair));
	*fde = hdr->vaddr + (uint64_t)(int64_t)pair[1];
	return true;
}

static bool find_by_reading(const struct image *image, uint64_t vaddr, struct cfi *cfi)
{
	uint64_t at = image->eh_frame.vaddr, end = at + image->eh_frame.size;

	while (at < end) {
		struct bytes b = entry_bytes(image, at, ENTRY_MOST);

		if (b.bad)
			return false;
		if (read_fde(image, at, vaddr, cfi))
			return true;
		at = b.vaddr + (uint64_t)(b.end - b.at);
	}
	return false;
}

bool cfi_find(const struct image *image, uint64_t vaddr, struct cfi *cfi)
{
	uint64_t fde;

	if (image->eh_frame_hdr.size && find_in_table(image, vaddr, &fde))
		return read_fde(image, fde, vaddr, cfi);
	return find_by_reading(image, vaddr, cfi);
}

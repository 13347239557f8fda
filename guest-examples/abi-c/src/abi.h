// The plain ABI json_in_json_out_v1 (docs/abi.md), as a C module sees it.
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// A text: not ended by a zero.
struct text {
    const u8 *ptr;
    u32 len;
};

#define TEXT(literal) ((struct text){(const u8 *)(literal), sizeof(literal) - 1})

enum level { TRACE, DEBUG, INFO, WARN, ERROR };

// Appends a line to the tenant's log.
void log_line(enum level level, struct text line);

// A text in the making, in memory of alloc.
struct out {
    u8 *ptr;
    u32 len;
    u32 room;
};

void put(struct out *out, struct text text);
void put_number(struct out *out, i64 number);

// The rule: an answer for the input.
struct text answer(struct text input);

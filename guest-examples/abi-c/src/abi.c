// What every C module of the plain ABI needs: memory, run, and texts.
#include "abi.h"

__attribute__((import_module("env"), import_name("host_log"))) void host_log(u32 level, const u8 *ptr, u32 len);

extern u8 __heap_base;
static u32 heap;

enum { PAGE = 65536 };

// A block that nobody else has; 0 when there is no memory left. Nothing is
// ever freed: an instance answers one call.
__attribute__((export_name("alloc"))) u8 *alloc(u32 len) {
    if (heap == 0) {
        heap = (u32)&__heap_base;
    }
    u32 at = (heap + 7) & ~7u;
    u32 end = at + len;
    u64 memory = (u64)__builtin_wasm_memory_size(0) * PAGE;
    if (end < at) {
        return 0;
    }
    if (end > memory && __builtin_wasm_memory_grow(0, (end - (u32)memory + PAGE - 1) / PAGE) == (__SIZE_TYPE__)-1) {
        return 0;
    }
    heap = end;
    return (u8 *)at;
}

__attribute__((export_name("dealloc"))) void dealloc(u8 *ptr, u32 len) {
    (void)ptr;
    (void)len;
}

__attribute__((export_name("run"))) u64 run(const u8 *ptr, u32 len) {
    struct text result = answer((struct text){ptr, len});
    return (u64)(u32)result.ptr << 32 | result.len;
}

void log_line(enum level level, struct text line) {
    host_log(level, line.ptr, line.len);
}

void put(struct out *out, struct text text) {
    if (text.len > out->room - out->len) {
        u32 room = out->room * 2 + text.len + 256;
        u8 *ptr = alloc(room);
        if (ptr == 0) {
            __builtin_trap();
        }
        __builtin_memcpy(ptr, out->ptr, out->len);
        out->ptr = ptr;
        out->room = room;
    }
    __builtin_memcpy(out->ptr + out->len, text.ptr, text.len);
    out->len += text.len;
}

void put_number(struct out *out, i64 number) {
    u8 digits[20];
    u32 at = sizeof digits;
    u64 left = number < 0 ? -(u64)number : (u64)number;
    do {
        digits[--at] = '0' + left % 10;
        left /= 10;
    } while (left > 0);
    if (number < 0) {
        put(out, TEXT("-"));
    }
    put(out, (struct text){digits + at, sizeof digits - at});
}

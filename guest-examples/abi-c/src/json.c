#include "json.h"

static u32 after_space(struct text text, u32 at) {
    while (at < text.len && text.ptr[at] <= ' ') {
        at++;
    }
    return at;
}

// Where the string that begins at `at` ends, behind its closing quote.
static u32 after_string(struct text text, u32 at) {
    for (at++; at < text.len && text.ptr[at] != '"'; at++) {
        if (text.ptr[at] == '\\') {
            at++;
        }
    }
    return at < text.len ? at + 1 : text.len;
}

// Where the value that begins at `at` ends. Strings are the only values in
// which a bracket means nothing.
static u32 after_value(struct text text, u32 at) {
    u32 depth = 0;
    while (at < text.len) {
        u8 byte = text.ptr[at];
        if (byte == '"') {
            at = after_string(text, at);
            if (depth == 0) {
                return at;
            }
            continue;
        }
        if (byte == '{' || byte == '[') {
            depth++;
        } else if (byte == '}' || byte == ']') {
            if (depth == 0) {
                return at;
            }
            if (--depth == 0) {
                return at + 1;
            }
        } else if (depth == 0 && (byte == ',' || byte <= ' ')) {
            return at;
        }
        at++;
    }
    return at;
}

_Bool same(struct text one, struct text other) {
    if (one.len != other.len) {
        return 0;
    }
    for (u32 at = 0; at < one.len; at++) {
        if (one.ptr[at] != other.ptr[at]) {
            return 0;
        }
    }
    return 1;
}

struct text member(struct text object, struct text name) {
    u32 at = after_space(object, 0);
    if (at >= object.len || object.ptr[at] != '{') {
        return (struct text){0, 0};
    }
    at = after_space(object, at + 1);
    while (at < object.len && object.ptr[at] == '"') {
        u32 end = after_string(object, at);
        struct text key = {object.ptr + at + 1, end - at - 2};
        at = after_space(object, after_space(object, end) + 1); // behind the colon
        end = after_value(object, at);
        if (same(key, name)) {
            return (struct text){object.ptr + at, end - at};
        }
        at = after_space(object, after_space(object, end) + 1); // behind the comma
    }
    return (struct text){0, 0};
}

_Bool whole_number(struct text value, i64 *number) {
    _Bool negative = value.len > 0 && value.ptr[0] == '-';
    u32 at = negative;
    i64 sum = 0;
    // 15 digits: what a JSON number holds exactly everywhere.
    if (value.len == at || value.len - at > 15) {
        return 0;
    }
    for (; at < value.len; at++) {
        u32 digit = (u32)value.ptr[at] - '0';
        if (digit > 9) {
            return 0;
        }
        sum = sum * 10 + digit;
    }
    *number = negative ? -sum : sum;
    return 1;
}

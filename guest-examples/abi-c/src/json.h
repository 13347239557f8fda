// Reads members of JSON objects in place. The host has checked the input: it is
// one JSON value, at most 129 containers deep.
#pragma once
#include "abi.h"

// The value of `object`'s member `name`; empty where there is none, or where
// `object` is no object. Names are compared as they are written.
struct text member(struct text object, struct text name);

// Whether `value` is a whole number that fits; it is then in `number`.
_Bool whole_number(struct text value, i64 *number);

_Bool same(struct text one, struct text other);

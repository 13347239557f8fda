// A domain hook: an order must lie within the customer's free credit. At other
// points than BeforeCreateOrder it only warns. Amounts are whole cents.
#include "json.h"

static struct text invalid(struct text what) {
    struct out out = {0};
    put(&out, TEXT("{\"$error\":{\"invalid_input\":\""));
    put(&out, what);
    put(&out, TEXT(" must be a whole number of cents\"}}"));
    return (struct text){out.ptr, out.len};
}

static void put_message(struct out *out, _Bool stops, i64 above, i64 free_credit) {
    put(out, TEXT("{\"code\":\"CREDIT_LIMIT_EXCEEDED\",\"severity\":\""));
    put(out, stops ? TEXT("error") : TEXT("warning"));
    put(out, TEXT("\",\"text\":\"The order is "));
    put_number(out, above);
    put(out, TEXT(" cents above the customer's free credit of "));
    put_number(out, free_credit);
    put(out, TEXT(".\",\"path\":\"/total\"}"));
}

struct text answer(struct text input) {
    struct text entity = member(input, TEXT("entity"));
    struct text customer = member(entity, TEXT("customer"));
    i64 limit, open, total;
    if (!whole_number(member(customer, TEXT("creditLimit")), &limit)) {
        return invalid(TEXT("customer.creditLimit"));
    }
    if (!whole_number(member(customer, TEXT("openAmount")), &open)) {
        return invalid(TEXT("customer.openAmount"));
    }
    if (!whole_number(member(entity, TEXT("total")), &total)) {
        return invalid(TEXT("total"));
    }
    i64 free_credit = limit > open ? limit - open : 0;
    _Bool above = total > free_credit;
    _Bool stops = above && same(member(input, TEXT("point")), TEXT("\"BeforeCreateOrder\""));
    if (stops) {
        log_line(INFO, TEXT("an order is above the free credit"));
    }
    struct out out = {0};
    put(&out, stops ? TEXT("{\"ok\":false,\"messages\":[") : TEXT("{\"ok\":true,\"messages\":["));
    if (above) {
        put_message(&out, stops, total - free_credit, free_credit);
    }
    put(&out, TEXT("],\"derivedFields\":{\"freeCredit\":"));
    put_number(&out, free_credit);
    put(&out, TEXT("}}"));
    return (struct text){out.ptr, out.len};
}

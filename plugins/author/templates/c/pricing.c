// A tenth off each unit for customers of the segment `member`.
#include "pricing.h"
#include <stdlib.h>
#include <string.h>

typedef exports_onhand_rules_pricing_rule_list_asked_line_t line_list;
typedef exports_onhand_rules_pricing_rule_list_line_price_t price_list;
typedef exports_onhand_rules_pricing_rule_line_price_t line_price;
typedef exports_onhand_rules_pricing_rule_adjustment_t adjustment;
typedef exports_onhand_rules_pricing_rule_request_t request;

static bool same(pricing_string_t a, pricing_string_t b) {
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static bool is_member(request *of) {
    pricing_string_t member;
    pricing_string_set(&member, "member");
    return of->customer.is_some && of->customer.val.segment.is_some && same(of->customer.val.segment.val, member);
}

bool exports_onhand_rules_pricing_rule_price(request *asked, line_list *lines, price_list *ret,
                                             exports_onhand_rules_pricing_rule_error_t *err) {
    bool member = is_member(asked);
    ret->len = lines->len;
    ret->ptr = malloc(lines->len * sizeof(line_price));
    memset(ret->ptr, 0, lines->len * sizeof(line_price));
    for (size_t i = 0; i < lines->len; i++) {
        line_price *price = &ret->ptr[i];
        if (!lines->ptr[i].list_price.is_some || !same(lines->ptr[i].list_price.val.currency, asked->currency)) {
            err->tag = ONHAND_RULES_ERRORS_ERROR_REFUSED;
            pricing_string_set(&err->val.refused, "a line has no price in this currency");
            return false;
        }
        price->line = lines->ptr[i].line;
        price->unit_price = lines->ptr[i].list_price.val;
        if (!member) continue;
        adjustment *off = malloc(sizeof(adjustment));
        pricing_string_set(&off->label, "Members: 10 % off");
        off->target = EXPORTS_ONHAND_RULES_PRICING_RULE_TARGET_UNIT;
        off->amount = -(price->unit_price.amount / 10);
        price->adjustments.ptr = off;
        price->adjustments.len = 1;
    }
    return true;
}

// `percent` off each unit (10 unless the setting says otherwise) for customers of the segment `member`.
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

// The setting's digits, for the label, and its number; false if it is written otherwise.
static bool percents(pricing_string_t *text, int64_t *percent) {
    pricing_string_t key;
    pricing_string_set(&key, "percent");
    if (!onhand_rules_host_config(&key, text)) pricing_string_set(text, "10");
    if (text->len == 0 || text->len > 3) return false;
    *percent = 0;
    for (size_t i = 0; i < text->len; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9') return false;
        *percent = *percent * 10 + (text->ptr[i] - '0');
    }
    return true;
}

// "Members: 10 % off"
static void label(pricing_string_t percent, pricing_string_t *ret) {
    static const char before[] = "Members: ", after[] = " % off";
    ret->len = sizeof before - 1 + percent.len + sizeof after - 1;
    ret->ptr = malloc(ret->len);
    memcpy(ret->ptr, before, sizeof before - 1);
    memcpy(ret->ptr + sizeof before - 1, percent.ptr, percent.len);
    memcpy(ret->ptr + sizeof before - 1 + percent.len, after, sizeof after - 1);
}

bool exports_onhand_rules_pricing_rule_price(request *asked, line_list *lines, price_list *ret,
                                             exports_onhand_rules_pricing_rule_error_t *err) {
    bool member = is_member(asked);
    pricing_string_t text;
    int64_t percent;
    if (!percents(&text, &percent)) {
        err->tag = ONHAND_RULES_ERRORS_ERROR_INVALID_CONFIG;
        pricing_string_set(&err->val.invalid_config, "percent is not a whole number of up to three digits");
        return false;
    }
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
        label(text, &off->label);
        off->target = EXPORTS_ONHAND_RULES_PRICING_RULE_TARGET_UNIT;
        off->amount = -(price->unit_price.amount * percent / 100);
        price->adjustments.ptr = off;
        price->adjustments.len = 1;
    }
    return true;
}

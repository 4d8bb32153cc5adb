#include "flow_lines.h"

#include <stddef.h>

#define HEAD(id, span, parent, step, name, kind, actor, instance, start, duration)                           \
  "{\"trace_id\":\"" id "\",\"span_id\":\"000000000000000" span "\",\"parent_span_id\":\"" parent            \
  "\",\"step\":" step ",\"name\":\"" name "\",\"kind\":" kind ",\"actor\":\"" actor                          \
  "\",\"instance\":\"" instance "\",\"start_ns\":1700000000" start ",\"duration_ns\":" duration
#define OK        ",\"status\":\"ok\",\"attributes\":"
#define PARENT(n) "000000000000000" n
#define CLAIMS                                                                                               \
  "{\\\"iss\\\":\\\"https://"                                                                                \
  "login.localhost:8444\\\",\\\"exp\\\":1700003600,\\\"upn\\\":\\\"alice@sevenstep.test\\\","                \
  "\\\"groups\\\":[\\\"staff\\\"]}"

static const struct {
  const char *file, *line;
} flow[] = {
    {"cloud.jsonl",
     HEAD(FLOW_ID, "8", PARENT("3"), "7", "respond", "2", "cloud", "cloud", "171000000", "300000") OK
     "{\"http.response.status_code\":200,\"http.response.body.size\":12,\"sevenstep.origin\":\"backend\"},"
     "\"events\":[]}\n"},
    {"cloud.jsonl", HEAD(FLOW_ID, "1", "", "1", "redirect", "2", "cloud", "cloud", "123000000", "400000") OK
     "{\"http.request.method\":\"GET\",\"url.full\":\"https://hello.apps.localhost:8443/\","
     "\"http.response.status_code\":302,\"sevenstep.application\":\"hello\"},\"events\":[]}\n"},
    {"idp.jsonl", HEAD(FLOW_ID, "2", PARENT("1"), "2", "logon", "2", "idp", "idp", "130000000", "20000000") OK
     "{\"sevenstep.user\":\"alice@sevenstep.test\",\"token.claims\":\"" CLAIMS "\"},\"events\":[]}\n"},
    {"cloud.jsonl",
     HEAD(FLOW_ID, "3", PARENT("2"), "3", "dispatch", "2", "cloud", "cloud", "160000000", "1000000") OK
     "{\"sevenstep.session\":\"new\",\"token.claims\":\"" CLAIMS "\"},\"events\":[]}\n"},
    {"connector-1.jsonl", HEAD(FLOW_ID, "4", PARENT("3"), "4", "delegate", "3", "connector", "connector-1",
                               "162000000", "3000000") OK
     "{\"krb.cache\":\"miss\",\"krb.as_ms\":0.42,\"krb.evidence.client\":\"alice@CORP.SEVENSTEP.TEST\","
     "\"krb.evidence.flags\":1084293120,\"krb.evidence.enctype\":18,\"krb.evidence.end_time\":1700036000},"
     "\"events\":[{\"time_ns\":1700000000162500000,\"name\":\"kdc.log\",\"text\":\"TGS_REQ ISSUE\"}]}\n"},
    {"connector-1.jsonl",
     HEAD(FLOW_ID, "5", PARENT("4"), "5", "issue", "2", "kdc", "kdc", "164000000", "600000") OK
     "{\"krb.service.server\":\"HTTP/hello.corp.sevenstep.test@CORP.SEVENSTEP.TEST\",\"krb.service.kvno\":2},"
     "\"events\":[]}\n"},
    {"connector-1.jsonl",
     HEAD(FLOW_ID, "6", PARENT("4"), "6", "verify", "3", "connector", "connector-1", "166000000", "2000000")
         OK "{\"http.response.status_code\":204},\"events\":[]}\n"},
    {"backend.jsonl",
     HEAD(FLOW_ID, "7", PARENT("6"), "6", "verify", "2", "backend", "backend", "166500000", "900000") OK
     "{\"krb.client\":\"alice@CORP.SEVENSTEP.TEST\",\"unheard.of\":\"\\u001b[2Jboo\"},\"events\":[]}\n"},
};

static const struct {
  const char *file, *line;
} refused[] = {
    {"cloud.jsonl",
     HEAD(REFUSED_ID, "a", "1111111111111111", "3", "dispatch", "2", "cloud", "cloud", "900000000",
          "400000") ",\"status\":\"error\",\"error\":{\"name\":\"token_signature\",\"what\":\"Wrong.\","
                    "\"why\":\"key k-1\",\"fix\":\"Again.\",\"event\":0,\"http_status\":403},"
                    "\"attributes\":{},\"events\":[]}\n"},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

void flow_write(const struct run_folder *r)
{
  for (size_t i = 0; i < COUNT(flow); i++)
    run_folder_append(r, flow[i].file, flow[i].line);
}

void refused_write(const struct run_folder *r)
{
  for (size_t i = 0; i < COUNT(refused); i++)
    run_folder_append(r, refused[i].file, refused[i].line);
}

json_t *flow_spans(void)
{
  json_t *all = json_array();
  for (size_t i = 0; i < COUNT(flow); i++)
    json_array_append_new(all, json_loads(flow[i].line, 0, NULL));
  return all;
}

json_t *refused_spans(void)
{
  json_t *all = json_array();
  for (size_t i = 0; i < COUNT(refused); i++)
    json_array_append_new(all, json_loads(refused[i].line, 0, NULL));
  return all;
}

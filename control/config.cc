#include "control/config.h"

#include <array>
#include <string>

#include "control/params.h"

namespace weft::control {
namespace {

struct Section {
  const char* name;
  const char* method;
};

constexpr std::array kSections{
    Section{"ports", "port.add"},
    Section{"tenants", "tenant.add"},
    Section{"segments", "segment.add"},
    Section{"remotes", "remote.add"},
    Section{"endpoints", "endpoint.attach"},
};

}  // namespace

Json document_of(const Model& model) {
  Json document = Json::object();
  for (const Section& section : kSections) document[section.name] = Json::array();
  // By index rather than by name, so that ports keep their numbers when the document is applied.
  for (std::uint16_t i = 0; i < kMaxUplinks; ++i) {
    const PortRecord* port = model.port(UplinkIndex{i});
    if (port != nullptr) document["ports"].push_back(to_json(port->config));
  }
  for (const auto& [name, tenant] : model.tenants) document["tenants"].push_back(to_json(tenant));
  for (const auto& [name, index] : model.segment_names) {
    const SegmentRecord& segment = *model.segment(index);
    document["segments"].push_back(to_json(segment.config));
    for (const auto& [vtep, tunnel] : segment.remotes) {
      document["remotes"].push_back(to_json(model.remote(tunnel)->config));
    }
  }
  for (const auto& [name, index] : model.endpoint_names) {
    document["endpoints"].push_back(to_json(model.endpoint(index)->config));
  }
  return document;
}

Outcome<Ok> apply_document(Dispatcher& dispatcher, const Json& document, TimePoint now) {
  Fields fields{document, "document"};
  for (const Section& section : kSections) {
    const Json* entries = fields.find(section.name);
    if (entries != nullptr && !entries->is_array()) fields.refuse(section.name, "is not an array");
  }
  if (auto failure = fields.finish()) return *failure;
  for (const Section& section : kSections) {
    const auto entries = document.find(section.name);
    if (entries == document.end()) continue;
    for (std::size_t i = 0; i < entries->size(); ++i) {
      const auto result = dispatcher.call(section.method, (*entries)[i], now);
      if (result) continue;
      const std::string path = std::string{section.name} + "[" + std::to_string(i) + "]";
      Failure failure = result.error();
      failure.message = path + ": " + failure.message;
      failure.field = failure.field.empty() ? path : path + "." + failure.field;
      return failure;
    }
  }
  return Ok{};
}

}  // namespace weft::control

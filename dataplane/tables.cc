#include "dataplane/tables.h"

#include <string>
#include <utility>

namespace weft {

Result<std::unique_ptr<WorkerTables>> WorkerTables::make(
    const TableSizes& sizes, std::uint64_t seed, SharedMeters* shared_meters
) {
  auto flows = classifier::FlowTable::create(
      {.max_entries = sizes.flows, .max_owners = sizes.endpoints, .seed = seed}
  );
  if (!flows) return flows.error();
  std::unique_ptr<WorkerTables> tables{new WorkerTables{sizes, std::move(*flows)}};
  if (!tables->hits_.is_made() || !tables->meters_.is_made()) {
    return Error{
        "worker: no memory for " + std::to_string(sizes.rule_counters) + " rule counters and " +
        std::to_string(sizes.meters) + " meters"};
  }
  tables->shared_meters_ = shared_meters;
  return tables;
}

WorkerTables::WorkerTables(const TableSizes& sizes, classifier::FlowTable table)
    : flows{std::move(table)}, sizes_{sizes}, hits_{sizes.rule_counters}, meters_{sizes.meters} {}

}  // namespace weft

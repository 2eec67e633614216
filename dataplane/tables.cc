#include "dataplane/tables.h"

#include <new>
#include <string>
#include <utility>

#include <sys/mman.h>

namespace weft {
namespace {

// Pages come when they are first touched, all zero: which is a valid RuleHits and a valid MeterSlot.
template <typename T>
T* reserve(std::size_t count) noexcept {
  void* memory = mmap(
      nullptr,
      count * sizeof(T),
      PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
      -1,
      0
  );
  return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);
}

}  // namespace

Result<std::unique_ptr<WorkerTables>> WorkerTables::make(
    const TableSizes& sizes, std::uint64_t seed
) {
  auto flows = classifier::FlowTable::create(
      {.max_entries = sizes.flows, .max_owners = sizes.endpoints, .seed = seed}
  );
  if (!flows) return flows.error();
  std::unique_ptr<WorkerTables> tables{new WorkerTables{sizes, std::move(*flows)}};
  tables->hits_ = reserve<RuleHits>(sizes.rule_counters);
  tables->meters_ = reserve<MeterSlot>(sizes.meters);
  if (tables->hits_ == nullptr || tables->meters_ == nullptr) {
    return Error{
        "worker: no memory for " + std::to_string(sizes.rule_counters) + " rule counters and " +
        std::to_string(sizes.meters) + " meters"};
  }
  return tables;
}

WorkerTables::WorkerTables(const TableSizes& sizes, classifier::FlowTable table)
    : flows{std::move(table)}, sizes_{sizes} {}

WorkerTables::~WorkerTables() {
  if (hits_ != nullptr) munmap(hits_, sizes_.rule_counters * sizeof(RuleHits));
  if (meters_ != nullptr) munmap(meters_, sizes_.meters * sizeof(MeterSlot));
}

}  // namespace weft

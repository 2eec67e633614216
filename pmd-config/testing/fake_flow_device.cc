// rte_flow_conv, the deep copy of a rule, is experimental in 22.11; this file builds for 22.11 only.
#define ALLOW_EXPERIMENTAL_API
#include "pmd-config/testing/fake_flow_device.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_version.h>

#include "pmd-config/testing/naive_flow_match.h"

struct rte_eth_dev;  // ethdev_driver.h

/// librte_ethdev's array of devices. Its elements are opaque here.
extern "C" std::uint8_t rte_eth_devices[];  // NOLINT(readability-identifier-naming)

namespace weft::flow_test {
namespace {

// DPDK 22.11 on x86-64: sizeof(rte_eth_dev), offsets of rte_eth_dev::dev_ops and of
// eth_dev_ops::flow_ops_get, and an upper bound for what is behind the latter.
constexpr std::size_t kDeviceSize = 0x4080;
constexpr std::size_t kOperationsOffset = 0x40;
constexpr std::size_t kFlowGetterOffset = 0x230;
constexpr std::size_t kTableSize = 0x400;

/// The beginning of rte_flow_ops; what a driver leaves null, rte_flow answers with ENOSYS.
struct FlowOperations {
  int (*validate
  )(rte_eth_dev*,
    const rte_flow_attr*,
    const rte_flow_item*,
    const rte_flow_action*,
    rte_flow_error*);
  rte_flow* (*create
  )(rte_eth_dev*,
    const rte_flow_attr*,
    const rte_flow_item*,
    const rte_flow_action*,
    rte_flow_error*);
  int (*destroy)(rte_eth_dev*, rte_flow*, rte_flow_error*);
  int (*flush)(rte_eth_dev*, rte_flow_error*);
  int (*query)(rte_eth_dev*, rte_flow*, const rte_flow_action*, void*, rte_flow_error*);
  std::array<void*, 59> others;  // more than there are
};

constexpr const char* kName = "net_null_flows";

/// rte_flow's callbacks get no pointer of ours: there is one device at a time.
FakeFlowDevice* g_device = nullptr;

std::uint8_t* operations_pointer_of(std::uint16_t port_id) {
  return rte_eth_devices + port_id * kDeviceSize + kOperationsOffset;
}

}  // namespace

/// A flow as the driver would keep it: its own deep copy of the rule.
struct FakeFlowDevice::Flow {
  std::vector<std::uint64_t> storage;  // of rte_flow_conv
  std::uint64_t hits{};
  std::uint64_t octets{};

  [[nodiscard]] const rte_flow_conv_rule& rule() const {
    return *reinterpret_cast<const rte_flow_conv_rule*>(storage.data());
  }
};

struct FakeFlowDevice::Operations {
  static rte_flow* handle(Flow* flow) { return reinterpret_cast<rte_flow*>(flow); }
  static Flow* flow(rte_flow* handle) { return reinterpret_cast<Flow*>(handle); }

  static int refuse(rte_flow_error* error, int number, const char* message) {
    return rte_flow_error_set(error, number, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr, message);
  }
  /// Counts down to a failure: true when it is due.
  static bool is_due(int& count) { return count >= 0 && count-- == 0; }

  static int judge_pattern(const rte_flow_item* items, rte_flow_error* error) {
    for (; items->type != RTE_FLOW_ITEM_TYPE_END; ++items) {
      if (g_device->behaviour.refused.contains(items->type)) {
        return refuse(error, ENOTSUP, "item not supported");
      }
    }
    return 0;
  }

  static int validate(
      rte_eth_dev* /*device*/,
      const rte_flow_attr* /*attributes*/,
      const rte_flow_item* items,
      const rte_flow_action* /*actions*/,
      rte_flow_error* error
  ) {
    return g_device->behaviour.validate_lies ? 0 : judge_pattern(items, error);
  }

  static rte_flow* create(
      rte_eth_dev* /*device*/,
      const rte_flow_attr* attributes,
      const rte_flow_item* items,
      const rte_flow_action* actions,
      rte_flow_error* error
  ) {
    ++g_device->create_calls_;
    if (judge_pattern(items, error) != 0) return nullptr;
    if (is_due(g_device->behaviour.fail_create_in)) {
      refuse(error, EIO, "the firmware did not answer");
      return nullptr;
    }
    if (g_device->flows_.size() >= g_device->behaviour.capacity) {
      refuse(error, ENOSPC, "no room");
      return nullptr;
    }
    rte_flow_conv_rule rule{};
    rule.attr_ro = attributes;
    rule.pattern_ro = items;
    rule.actions_ro = actions;
    auto flow = std::make_unique<Flow>();
    const int size = rte_flow_conv(RTE_FLOW_CONV_OP_RULE, nullptr, 0, &rule, error);
    if (size < 0) return nullptr;
    flow->storage.resize(static_cast<std::size_t>(size) / 8 + 1);
    (void)rte_flow_conv(
        RTE_FLOW_CONV_OP_RULE, flow->storage.data(), flow->storage.size() * 8, &rule, error
    );
    g_device->flows_.push_back(std::move(flow));
    return handle(g_device->flows_.back().get());
  }

  static int destroy(rte_eth_dev* /*device*/, rte_flow* which, rte_flow_error* error) {
    if (is_due(g_device->behaviour.fail_destroy_in)) {
      return refuse(error, EBUSY, "the firmware is busy");
    }
    const std::size_t count = g_device->flows_.size();
    std::erase_if(g_device->flows_, [which](const auto& flow) {
      return handle(flow.get()) == which;
    });
    return count == g_device->flows_.size() ? refuse(error, ENOENT, "no such flow") : 0;
  }

  static int query(
      rte_eth_dev* /*device*/,
      rte_flow* which,
      const rte_flow_action* /*action*/,
      void* data,
      rte_flow_error* /*error*/
  ) {
    auto* count = static_cast<rte_flow_query_count*>(data);
    count->hits_set = 1;
    count->bytes_set = 1;
    count->hits = flow(which)->hits;
    count->bytes = flow(which)->octets;
    return 0;
  }

  static int get(const rte_eth_dev* /*device*/, const FlowOperations** operations) {
    static constexpr FlowOperations kOperations{validate, create, destroy, nullptr, query, {}};
    *operations = g_device->behaviour.has_flow_api ? &kOperations : nullptr;
    return 0;
  }
};

std::unique_ptr<FakeFlowDevice> FakeFlowDevice::open(std::string& reason) {
#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0) || RTE_VERSION >= RTE_VERSION_NUM(23, 0, 0, 0)
  reason = "the layout of DPDK's driver structures is known for 22.11 only";
  return nullptr;
#else
  std::uint16_t port_id = 0;
  if (rte_eal_hotplug_add("vdev", kName, "") != 0 ||
      rte_eth_dev_get_port_by_name(kName, &port_id) != 0) {
    reason = "net_null can not be attached";
    return nullptr;
  }
  std::unique_ptr<FakeFlowDevice> device{new FakeFlowDevice{port_id}};
  // Proof that the offsets are right: a refusal that only our operations can utter.
  device->behaviour.refused.insert(RTE_FLOW_ITEM_TYPE_ETH);
  const rte_flow_attr attributes{};
  const rte_flow_item items[] = {
      {.type = RTE_FLOW_ITEM_TYPE_ETH, .spec = nullptr, .last = nullptr, .mask = nullptr},
      {.type = RTE_FLOW_ITEM_TYPE_END, .spec = nullptr, .last = nullptr, .mask = nullptr}};
  const rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_END, .conf = nullptr}};
  rte_flow_error error{};
  const int answer = rte_flow_validate(port_id, &attributes, items, actions, &error);
  device->behaviour = Behaviour{};
  if (answer == -ENOTSUP && error.message != nullptr &&
      std::strcmp(error.message, "item not supported") == 0) {
    return device;
  }
  reason = "DPDK's driver structures are not laid out as expected";
  return nullptr;
#endif
}

FakeFlowDevice::FakeFlowDevice(std::uint16_t port_id) : port_id_{port_id}, table_(kTableSize) {
  g_device = this;
  std::uint8_t* pointer = operations_pointer_of(port_id);
  std::memcpy(&original_, pointer, sizeof original_);
  // Only what precedes flow_ops_get and itself is the driver's for sure; the rest stays null, which
  // is how drivers leave out operations.
  std::memcpy(table_.data(), original_, kFlowGetterOffset);
  auto* const getter = &Operations::get;
  std::memcpy(table_.data() + kFlowGetterOffset, &getter, sizeof getter);
  const void* ours = table_.data();
  std::memcpy(pointer, &ours, sizeof ours);
}

FakeFlowDevice::~FakeFlowDevice() {
  std::memcpy(operations_pointer_of(port_id_), &original_, sizeof original_);
  g_device = nullptr;
  rte_eth_dev_close(port_id_);
  rte_eal_hotplug_remove("vdev", kName);
}

HardwareVerdict FakeFlowDevice::judge(ConstBytes frame) {
  Flow* best = nullptr;
  for (const auto& flow : flows_) {
    if (!matches_naively(flow->rule().pattern_ro, frame)) continue;
    const bool is_worse =
        best != nullptr && flow->rule().attr_ro->priority > best->rule().attr_ro->priority;
    if (!is_worse) best = flow.get();  // also of equal priority: the newest
  }
  HardwareVerdict verdict;
  if (best == nullptr) return verdict;
  const rte_flow_action* action = best->rule().actions_ro;
  for (; action->type != RTE_FLOW_ACTION_TYPE_END; ++action) {
    if (action->type == RTE_FLOW_ACTION_TYPE_DROP) verdict.is_dropped = true;
    if (action->type == RTE_FLOW_ACTION_TYPE_QUEUE) {
      verdict.queue = static_cast<const rte_flow_action_queue*>(action->conf)->index;
    }
    if (action->type == RTE_FLOW_ACTION_TYPE_MARK) {
      verdict.mark = static_cast<const rte_flow_action_mark*>(action->conf)->id;
    }
    if (action->type == RTE_FLOW_ACTION_TYPE_COUNT) {
      ++best->hits;
      best->octets += frame.size();
    }
  }
  return verdict;
}

}  // namespace weft::flow_test

// Planner: the steps of a plan, from a comparison (plan.h says in which order and why).
//
// planner.cc loosens and removes, planner_put.cc puts and tightens.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/comparison.h"
#include "control/plan.h"

namespace weft::control {

class Planner {
 public:
  Planner(const Model& model, const Comparison& comparison)
      : model_{model}, comparison_{comparison} {}

  /// Once.
  [[nodiscard]] std::vector<Step> make();

 private:
  [[nodiscard]] const std::vector<Pair>& of(Part part) const { return comparison_.of(part); }

  void loosen();
  void loosen_rules();
  void loosen_policies();
  void loosen_budgets();
  void remove();
  void put();
  void put_tenants();
  void put_network();
  void tighten();

  [[nodiscard]] bool leaves(Part part, const std::string& name) const {
    return comparison_.goes(part, name);
  }
  [[nodiscard]] bool rule_is_loose(const Json& rule) const;
  [[nodiscard]] Json rules_to_put(const Pair& pair) const;
  [[nodiscard]] bool is_port_in_use(const Entry& port) const;
  void step(const char* method, Json params, Part part, std::optional<std::size_t> index = {}) {
    steps_.push_back({method, std::move(params), part, index});
  }
  /// One step for each pair of the section that `wants`.
  template <typename Wants, typename Params>
  void for_each(Part part, const char* method, Wants wants, Params params) {
    for (const Pair& pair : of(part)) {
      if (wants(pair)) step(method, params(pair), part, pair.index());
    }
  }

  const Model& model_;
  const Comparison& comparison_;
  std::set<std::string> loosened_policies_;
  std::set<std::string> loosened_settings_;
  std::set<std::string> loosened_rules_;
  std::set<std::string> loosened_budgets_;
  std::set<std::string> late_ports_;
  std::vector<Step> steps_;
};

}  // namespace weft::control

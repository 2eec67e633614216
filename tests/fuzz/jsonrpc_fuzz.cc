// Any octets as lines on the control socket, up to a whole session: every line gets one answer line that
// is JSON, the machine is used in the order that platform.h asks for, and what is in force in the end
// is what the model says, compiled from scratch.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <spdlog/spdlog.h>

#include "control/compiler.h"
#include "control/dispatch.h"
#include "control/testing/fake_platform.h"
#include "tests/fuzz/require.h"

namespace weft::control {
namespace {

using fuzz::require;

void run(std::string_view input) {
  constexpr TimePoint kNow{std::chrono::hours{1}};
  FakePlatform platform;
  {
    Controller controller{platform};
    Dispatcher dispatcher{controller, About{"0.1.0", "22.11.11", 1}};
    while (!input.empty()) {
      const std::size_t end = std::min(input.find('\n'), input.size());
      const std::string answer = dispatcher.answer(input.substr(0, end), kNow);
      require(answer.empty() || (Json::accept(answer) && answer.find('\n') == answer.npos));
      input.remove_prefix(std::min(end + 1U, input.size()));
    }
    const Model& model = controller.model();
    const Runtime& runtime = controller.runtime();
    const auto scratch = compile(model, runtime, everything(model, runtime), Snapshot{});
    require(scratch->fdb.size() == platform.published->fdb.size());
    require(scratch->vnis.size() == platform.published->vnis.size());
    require(scratch->neighbors.size() == platform.published->neighbors.size());
    require(scratch->tunnel_by_remote.size() == platform.published->tunnel_by_remote.size());
    require(platform.ports_alive == static_cast<int>(model.endpoints.size()));
  }
  require(platform.violations.empty() && platform.ports_alive == 0);
  require(platform.open_uplinks.empty() && platform.watched.empty());
}

}  // namespace
}  // namespace weft::control

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool is_quiet = [] {
    spdlog::set_level(spdlog::level::off);
    return true;
  }();
  static_cast<void>(is_quiet);
  weft::control::run({reinterpret_cast<const char*>(data), size});
  return 0;
}

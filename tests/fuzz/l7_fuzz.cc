// Any octets as the first packets of a flow, past every built-in L7 pattern and a few expressions. The first
// octet says how they come: bit 0 UDP, bit 1 to the client, bits 2-7 where they are cut into packets.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/mman.h>

#include "classifier/l7.h"
#include "classifier/l7_builtin.h"
#include "classifier/l7_names.h"
#include "tests/fuzz/require.h"

namespace weft::classifier {
namespace {

using fuzz::require;

constexpr std::uint8_t kFirstId = 11;  // ids kFirstId, kFirstId + 1, ...

/// Four pages with one on either side that nobody may touch.
class GuardedPages {
 public:
  GuardedPages() {
    void* const mapped =
        ::mmap(nullptr, kSize + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(mapped != MAP_FAILED);
    begin_ = static_cast<std::uint8_t*>(mapped) + kPage;
    require(::mprotect(begin_, kSize, PROT_READ | PROT_WRITE) == 0);
  }
  ConstBytes at_begin(ConstBytes octets) { return copy(octets, 0); }
  ConstBytes at_end(ConstBytes octets) { return copy(octets, kSize - octets.size()); }

 private:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kSize = 4 * kPage;
  ConstBytes copy(ConstBytes octets, std::size_t offset) {
    require(octets.size() <= kSize);
    std::copy(octets.begin(), octets.end(), begin_ + offset);
    return {begin_ + offset, octets.size()};
  }
  std::uint8_t* begin_;  // for the life of the process
};

void add(L7Set& set, L7Pattern::Kind kind, std::string text) {
  L7Class one;
  one.id = static_cast<std::uint8_t>(kFirstId + set.classes.size());
  one.patterns.emplace_back();
  one.patterns[0].kind = kind;
  one.patterns[0].text = std::move(text);
  set.classes.push_back(std::move(one));
}

L7Set make_everything() {
  L7Set set;
  for (const L7Builtin& builtin : l7_builtins()) {
    const std::string name{builtin.name};
    const bool takes_host = builtin.argument == L7Builtin::Argument::host ||
                            builtin.argument == L7Builtin::Argument::optional_host;
    if (takes_host) add(set, L7Pattern::Kind::builtin, name + ":*.example.com");
    if (takes_host) add(set, L7Pattern::Kind::builtin, name + ":*");
    if (builtin.argument == L7Builtin::Argument::method) {
      add(set, L7Pattern::Kind::builtin, name + ":POST");
    }
    if (builtin.argument == L7Builtin::Argument::none) add(set, L7Pattern::Kind::builtin, name);
  }
  add(set, L7Pattern::Kind::regex, "[a-f0-9]{8}-[a-f0-9]{4}");
  add(set, L7Pattern::Kind::regex, R"(\xff\x00.{4,40}\x00)");
  return set;
}

const L7Set& everything() {
  static const L7Set set = make_everything();
  return set;
}

const L7Database& database() {
  static const std::shared_ptr<const L7Database> compiled = [] {
    auto result = compile_l7(everything(), 1);
    require(result.is_ok());
    return *result;
  }();
  return *compiled;
}

void check_state(L7State state) {
  const std::size_t count = everything().classes.size();
  const bool is_class = state.class_id >= kFirstId && state.class_id < kFirstId + count;
  require(is_class || state.class_id == kL7Unknown || state.class_id == kL7None);
  require((state.left == 0) == state.is_known());
}

/// The same answer wherever the payload lies, with nothing readable around it: ASan does not see into
/// Hyperscan, a page fault does.
L7State scan_everywhere(const L7Packet& packet, L7State state) {
  static GuardedPages pages;
  const L7State answer = scan_l7(database(), WorkerId{0}, packet, state);
  for (const ConstBytes place : {pages.at_begin(packet.payload), pages.at_end(packet.payload)}) {
    const L7Packet moved{place, packet.protocol, packet.direction};
    require(scan_l7(database(), WorkerId{0}, moved, state) == answer);
  }
  return answer;
}

/// A flow in packets of `cut` octets: known within its budget of 4, and then for good.
void scan_flow(ConstBytes octets, L7Protocol protocol, L7Direction direction, std::size_t cut) {
  L7State state;
  for (int packets = 0; !octets.empty(); ++packets) {
    require(packets < 4 || state.is_known());
    const ConstBytes payload = octets.first(std::min(cut, octets.size()));
    const L7State next = scan_everywhere({payload, protocol, direction}, state);
    if (state.is_known()) {
      require(next == state);
      return;
    }
    check_state(next);
    require(next.is_known() || state.left == 0 || next.left < state.left);
    state = next;
    octets = octets.subspan(payload.size());
  }
}

/// Names lie inside, and what a part shows the whole shows.
void check_names(ConstBytes octets, std::size_t cut) {
  static std::array<GuardedPages, 2> pages;
  const ConstBytes whole = pages[0].at_end(octets);
  const ConstBytes part = pages[1].at_end(octets.first(std::min(cut, octets.size())));
  if (const auto name = tls_server_name(whole)) {
    require(name->data() >= whole.data());
    require(name->data() + name->size() <= whole.data() + whole.size());
    require(!name->empty() && name->size() <= 255);
  }
  if (const auto name = tls_server_name(part)) {
    const auto again = tls_server_name(whole);
    require(again && std::equal(name->begin(), name->end(), again->begin(), again->end()));
  }
  for (const auto read : {dns_question_name, dns_question_name_tcp}) {
    const std::optional<DnsName> name = read(part);
    if (!name) continue;
    require(name->size >= 1 && name->size <= 253);
    const std::optional<DnsName> again = read(whole);
    require(again && std::ranges::equal(name->view(), again->view()));
  }
}

}  // namespace
}  // namespace weft::classifier

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weft::classifier;
  if (size == 0) return 0;
  const unsigned how = data[0];
  const weft::ConstBytes octets{data + 1, size - 1};
  const L7Protocol protocol = (how & 1U) != 0 ? L7Protocol::udp : L7Protocol::tcp;
  const L7Direction direction = (how & 2U) != 0 ? L7Direction::to_client : L7Direction::to_server;
  const std::size_t cut = (how >> 2U) * std::size_t{8};
  scan_flow(octets, protocol, direction, cut == 0 ? octets.size() : cut);
  check_names(octets, cut);
  return 0;
}

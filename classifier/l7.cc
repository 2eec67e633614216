// The only file that knows Hyperscan.
#include "classifier/l7.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <string>
#include <utility>

#include <hs/hs.h>

#include "classifier/l7_builtin.h"
#include "classifier/l7_expand.h"
#include "classifier/l7_names.h"

namespace weft::classifier {
namespace {

struct FreeDatabase {
  void operator()(hs_database_t* database) const noexcept { hs_free_database(database); }
};
using DatabasePtr = std::unique_ptr<hs_database_t, FreeDatabase>;

struct FreeScratch {
  void operator()(hs_scratch_t* scratch) const noexcept { hs_free_scratch(scratch); }
};
using ScratchPtr = std::unique_ptr<hs_scratch_t, FreeScratch>;

/// What an expression of a section says when it matches. Its index is Hyperscan's id.
struct Meaning {
  std::uint8_t rank{};   // position of its class in the set: the smallest wins
  std::uint8_t where{};  // L7Where
};

/// All expressions over one kind of input, in one Hyperscan database.
struct Section {
  DatabasePtr database;  // null: no expressions
  std::vector<Meaning> meanings;
  std::uint8_t where{};              // union of all
  std::uint8_t best_rank = kL7None;  // once this has matched, nothing can change the answer
};

}  // namespace

class L7Database {
 public:
  std::array<Section, kL7SectionCount> sections;
  std::vector<ScratchPtr> scratch;       // by worker
  std::vector<std::uint8_t> id_of_rank;  // class ids in the order of the set
  std::uint8_t where{};                  // union over the sections
  std::uint8_t full_budget{};            // L7State::left of a new flow
  std::size_t octets{};
};

// -- compiling ------------------------------------------------------------------------------------------

namespace {

constexpr unsigned kPacketBits = 3;
constexpr std::uint8_t kPacketMask = (1U << kPacketBits) - 1;
static_assert(kMaxL7Packets == kPacketMask);
static_assert(kMaxL7Octets / kL7BudgetUnit == 0xFF >> kPacketBits);

unsigned flags_of(const L7Expression& expression) {
  unsigned flags = HS_FLAG_SINGLEMATCH;  // one call of on_match for each expression at most
  if (expression.is_caseless) flags |= HS_FLAG_CASELESS;
  if (expression.dot_matches_newline) flags |= HS_FLAG_DOTALL;
  if (expression.is_multiline) flags |= HS_FLAG_MULTILINE;
  return flags;
}

Result<Section, L7Failure> compile_section(const L7Set& set, const std::vector<L7Source>& sources) {
  Section section;
  if (sources.empty()) return section;
  std::vector<const char*> regexes;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const L7Source& source : sources) {
    ids.push_back(static_cast<unsigned>(ids.size()));
    regexes.push_back(source.expression.regex.c_str());
    flags.push_back(flags_of(source.expression));
    const Meaning meaning{static_cast<std::uint8_t>(source.class_index), source.expression.where};
    section.meanings.push_back(meaning);
    section.where = static_cast<std::uint8_t>(section.where | meaning.where);
    section.best_rank = std::min(section.best_rank, meaning.rank);
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const hs_error_t status = hs_compile_multi(
      regexes.data(),
      flags.data(),
      ids.data(),
      static_cast<unsigned>(ids.size()),
      HS_MODE_BLOCK,
      nullptr,  // the CPU this runs on
      &database,
      &error
  );
  section.database.reset(database);
  if (status == HS_SUCCESS) return section;
  const std::string message = error == nullptr ? "no message" : error->message;
  const int index = error == nullptr ? -1 : error->expression;
  hs_free_compile_error(error);
  if (index < 0 || static_cast<std::size_t>(index) >= sources.size()) {
    return L7Failure{"l7: Hyperscan: " + message};
  }
  const L7Source& culprit = sources[static_cast<std::size_t>(index)];
  return l7_pattern_failure(set, culprit.class_index, culprit.pattern_index, message);
}

/// One scratch that fits all sections, for each worker. False: no memory.
bool allocate_scratch(L7Database& database, std::size_t worker_count) {
  ScratchPtr model;
  std::size_t octets = 0;
  for (const Section& section : database.sections) {
    if (section.database == nullptr) continue;
    hs_scratch_t* grown = model.release();  // replaced by a larger one if need be
    const hs_error_t status = hs_alloc_scratch(section.database.get(), &grown);
    model.reset(grown);
    if (status != HS_SUCCESS) return false;
    if (hs_database_size(section.database.get(), &octets) == HS_SUCCESS) database.octets += octets;
  }
  if (model == nullptr) return true;  // nothing to scan for
  if (hs_scratch_size(model.get(), &octets) == HS_SUCCESS) database.octets += worker_count * octets;
  for (std::size_t worker = 0; worker < worker_count; ++worker) {
    hs_scratch_t* clone = nullptr;
    if (hs_clone_scratch(model.get(), &clone) != HS_SUCCESS) return false;
    database.scratch.emplace_back(clone);
  }
  return true;
}

}  // namespace

Result<std::shared_ptr<const L7Database>, L7Failure> compile_l7(
    const L7Set& set, std::size_t worker_count
) {
  if (hs_valid_platform() != HS_SUCCESS) {
    return L7Failure{"l7: this CPU lacks SSSE3, which Hyperscan needs"};
  }
  const Result<L7Sources, L7Failure> sources = expand_l7(set);
  if (!sources) return sources.error();

  const auto database = std::make_shared<L7Database>();
  for (std::size_t i = 0; i < kL7SectionCount; ++i) {
    Result<Section, L7Failure> section = compile_section(set, (*sources)[i]);
    if (!section) return section.error();
    database->where = static_cast<std::uint8_t>(database->where | section->where);
    database->sections[i] = std::move(*section);
  }
  for (const L7Class& l7_class : set.classes) database->id_of_rank.push_back(l7_class.id);
  database->full_budget = static_cast<std::uint8_t>(
      (set.budget.octets / kL7BudgetUnit) << kPacketBits | set.budget.packets
  );
  if (!allocate_scratch(*database, worker_count)) return L7Failure{"l7: no memory for scratch"};
  return std::shared_ptr<const L7Database>{database};
}

std::size_t l7_octets(const L7Database& database) noexcept {
  return database.octets;
}

// -- scanning -------------------------------------------------------------------------------------------

namespace {

/// The scan of one packet: what on_match needs.
struct Match {
  const Section& section;
  unsigned where{};     // the packet's, one bit
  std::uint8_t best{};  // rank
};

/// Called by Hyperscan for each expression that matches; other than 0 ends the scan.
int on_match(
    unsigned id,
    unsigned long long /*from*/,
    unsigned long long /*to*/,
    unsigned /*flags*/,
    void* context
) noexcept {
  Match& match = *static_cast<Match*>(context);
  const Meaning& meaning = match.section.meanings[id];
  if ((meaning.where & match.where) != 0) match.best = std::min(match.best, meaning.rank);
  return match.best == match.section.best_rank ? 1 : 0;
}

/// With AVX-512, Hyperscan 5.4 reads up to a register past the end of what it scans (vectorscan's issue 322
/// has the place). What lies there changes no answer, but it may be no memory: a frame can be the last thing
/// in its pages.
constexpr std::size_t kOverread = 64;
constexpr std::size_t kSmallestPage = 4096;

bool may_read_past_its_page(ConstBytes octets) noexcept {
  const auto last = reinterpret_cast<std::uintptr_t>(octets.data()) + octets.size() - 1;
  return last % kSmallestPage + kOverread >= kSmallestPage;
}

hs_error_t scan_octets(
    const Section& section, hs_scratch_t* scratch, ConstBytes octets, Match& match
) noexcept {
  return hs_scan(
      section.database.get(),
      reinterpret_cast<const char*>(octets.data()),
      static_cast<unsigned>(octets.size()),
      0,
      scratch,
      on_match,
      &match
  );
}

/// Of one payload in sixty; not inline, so that only those take the stack for it.
[[gnu::noinline]] hs_error_t scan_copy(
    const Section& section, hs_scratch_t* scratch, ConstBytes octets, Match& match
) noexcept {
  std::array<std::uint8_t, kMaxL7Octets + kOverread> copy;
  assert(octets.size() + kOverread <= copy.size());
  const auto end = std::copy(octets.begin(), octets.end(), copy.begin());
  std::fill_n(end, kOverread, std::uint8_t{0});
  return scan_octets(section, scratch, {copy.data(), octets.size()}, match);
}

/// The better of `best` and the best rank that matches in `octets`, of which there is one at least.
std::uint8_t scan_section(
    const Section& section,
    hs_scratch_t* scratch,
    ConstBytes octets,
    unsigned where,
    std::uint8_t best
) noexcept {
  if ((section.where & where) == 0 || best <= section.best_rank) return best;
  Match match{section, where, best};
  const hs_error_t status = may_read_past_its_page(octets)
                                ? scan_copy(section, scratch, octets, match)
                                : scan_octets(section, scratch, octets, match);
  // Anything else is a scratch of another database or of another worker: a bug, never the packet's doing.
  assert(status == HS_SUCCESS || status == HS_SCAN_TERMINATED);
  static_cast<void>(status);
  return match.best;
}

unsigned where_of(const L7Packet& packet) noexcept {
  const bool to_client = packet.direction == L7Direction::to_client;
  switch (packet.protocol) {
    case L7Protocol::tcp:
      return to_client ? kL7TcpToClient : kL7TcpToServer;
    case L7Protocol::udp:
      return to_client ? kL7UdpToClient : kL7UdpToServer;
    case L7Protocol::any:
      break;
  }
  return 0;
}

/// Both directions of the protocol of `where`.
unsigned whole_protocol(unsigned where) noexcept {
  unsigned whole = 0;
  if ((where & kL7Tcp) != 0) whole |= kL7Tcp;
  if ((where & kL7Udp) != 0) whole |= kL7Udp;
  return whole;
}

std::uint8_t best_rank_of(
    const L7Database& database, hs_scratch_t* scratch, ConstBytes payload, unsigned where
) noexcept {
  const auto& sections = database.sections;
  const bool is_tcp = (where & kL7Tcp) != 0;
  std::uint8_t best = scan_section(
      sections[is_tcp ? kL7TcpPayload : kL7UdpPayload], scratch, payload, where, kL7None
  );
  if ((sections[kL7ServerName].where & where) != 0) {
    if (const auto name = tls_server_name(payload)) {
      best = scan_section(sections[kL7ServerName], scratch, *name, where, best);
    }
  }
  if ((sections[kL7DnsName].where & where) != 0) {
    const auto name = is_tcp ? dns_question_name_tcp(payload) : dns_question_name(payload);
    if (name) best = scan_section(sections[kL7DnsName], scratch, name->view(), where, best);
  }
  return best;
}

}  // namespace

L7State scan_l7_payload(
    const L7Database& database, WorkerId worker, const L7Packet& packet, L7State state
) noexcept {
  assert(!state.is_known());
  if (packet.payload.empty()) return state;
  const unsigned where = where_of(packet);
  if ((database.where & whole_protocol(where)) == 0) return L7State{kL7None, 0};

  const unsigned left = state.left == 0 ? database.full_budget : state.left;
  const unsigned units_left = left >> kPacketBits;
  const unsigned packets_left = left & kPacketMask;
  const ConstBytes scanned = packet.payload.first(
      std::min<std::size_t>(packet.payload.size(), std::size_t{units_left} * kL7BudgetUnit)
  );
  if ((database.where & where) != 0 && !scanned.empty()) {
    assert(worker.value() < database.scratch.size());
    hs_scratch_t* const scratch = database.scratch[worker.value()].get();
    const std::uint8_t best = best_rank_of(database, scratch, scanned, where);
    if (best != kL7None) return L7State{database.id_of_rank[best], 0};
  }
  const auto units = static_cast<unsigned>((scanned.size() + kL7BudgetUnit - 1) / kL7BudgetUnit);
  if (packets_left <= 1 || units >= units_left) return L7State{kL7None, 0};
  return L7State{
      kL7Unknown,
      static_cast<std::uint8_t>((units_left - units) << kPacketBits | (packets_left - 1))};
}

}  // namespace weft::classifier

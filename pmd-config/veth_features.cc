#include "pmd-config/veth_features.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "pmd-config/os.h"

namespace weft {
namespace {

/// ethtool's structs end in an array whose length the kernel decides: zeroed storage for one of them.
template <typename Header, typename Element>
class Variable {
 public:
  explicit Variable(std::size_t count)
      : storage_((sizeof(Header) + count * sizeof(Element)) / sizeof(std::uint64_t) + 1) {}
  [[nodiscard]] Header* get() noexcept { return reinterpret_cast<Header*>(storage_.data()); }

 private:
  std::vector<std::uint64_t> storage_;
};

int call_ethtool(int socket, const std::string& ifname, void* command) {
  ifreq request{};
  std::memcpy(request.ifr_name, ifname.data(), std::min<std::size_t>(ifname.size(), IFNAMSIZ - 1));
  request.ifr_data = static_cast<char*>(command);
  return ::ioctl(socket, SIOCETHTOOL, &request) < 0 ? errno : 0;
}

}  // namespace

bool is_inexpressible_feature(std::string_view feature) noexcept {
  constexpr std::array<std::string_view, 5> kExpressible{
      "tx-tcp-segmentation",
      "tx-tcp6-segmentation",
      "tx-tcp-ecn-segmentation",
      "tx-tcp-mangleid-segmentation",
      "tx-generic-segmentation",  // the switch for the kernel's own segmentation, not a kind of it
  };
  if (feature == "tx-checksum-sctp" || feature == "tx-gso-list") return true;
  constexpr std::string_view kSuffix = "-segmentation";
  return feature.starts_with("tx-") && feature.ends_with(kSuffix) &&
         std::find(kExpressible.begin(), kExpressible.end(), feature) == kExpressible.end();
}

Status restrict_veth_features(const std::string& ifname) {
  const std::string what = ifname + ": cannot restrict segmentation offloads";
  const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket) return os_error(errno, what);

  Variable<ethtool_sset_info, std::uint32_t> count_room{1};
  ethtool_sset_info* count = count_room.get();
  count->cmd = ETHTOOL_GSSET_INFO;
  count->sset_mask = std::uint64_t{1} << unsigned{ETH_SS_FEATURES};
  if (const int error = call_ethtool(socket.get(), ifname, count); error != 0) {
    return os_error(error, what);
  }
  const std::uint32_t feature_count = count->data[0];

  Variable<ethtool_gstrings, std::array<char, ETH_GSTRING_LEN>> names_room{feature_count};
  ethtool_gstrings* names = names_room.get();
  names->cmd = ETHTOOL_GSTRINGS;
  names->string_set = ETH_SS_FEATURES;
  names->len = feature_count;
  if (const int error = call_ethtool(socket.get(), ifname, names); error != 0) {
    return os_error(error, what);
  }

  const std::uint32_t word_count = (feature_count + 31U) / 32U;
  Variable<ethtool_sfeatures, ethtool_set_features_block> change_room{word_count};
  ethtool_sfeatures* change = change_room.get();
  change->cmd = ETHTOOL_SFEATURES;
  change->size = word_count;
  for (std::uint32_t i = 0; i < feature_count; ++i) {
    const char* text =
        reinterpret_cast<const char*>(names->data) + std::size_t{i} * ETH_GSTRING_LEN;
    if (is_inexpressible_feature({text, ::strnlen(text, ETH_GSTRING_LEN)})) {
      change->features[i / 32U].valid |= 1U << (i % 32U);  // and `requested` stays 0: off
    }
  }
  if (const int error = call_ethtool(socket.get(), ifname, change); error != 0) {
    return os_error(error, what);
  }
  return Ok{};
}

}  // namespace weft

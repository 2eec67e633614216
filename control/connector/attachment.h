// What CNI calls an attachment: one interface of one container. The key of everything that is kept.
#pragma once

#include <string>

namespace weft::connector {

/// The daemon takes no longer names of containers: nothing can be attached under one.
inline constexpr std::size_t kMaxContainerName = 128;

struct Attachment {
  std::string container;
  std::string ifname;

  /// As a file is called: neither part has a colon or a slash in it (environment.h). At most 144 octets.
  [[nodiscard]] std::string file_name() const { return container + ":" + ifname; }
  /// As the daemon calls it.
  [[nodiscard]] std::string endpoint() const { return container + "/" + ifname; }
  friend bool operator==(const Attachment&, const Attachment&) = default;
};

}  // namespace weft::connector

// What runs on the router as a package comes and goes: OpenWrt's own steps of /lib/functions.sh, which enable and
// start the init scripts, make the user and run uci-defaults. They know the image builder by IPKG_INSTROOT.

const GUARD = `[ -s "\${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. "\${IPKG_INSTROOT}/lib/functions.sh"
`;
const NO_SCRIPT = `[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0
`;

/** For opkg (OpenWrt 24.10 and older), by the names of its control archive. @param info - a row of `table.mjs` */
export function ipkScripts({ afterInstall = "" }) {
  return {
    postinst: `#!/bin/sh\n${NO_SCRIPT}${GUARD}default_postinst "$0" "$@"\n${afterInstall}`,
    prerm: `#!/bin/sh\n${GUARD}default_prerm "$0" "$@"\n`,
  };
}

/** For apk (OpenWrt 25.12 and later), by the names of its scripts. @param info - a row of `table.mjs` */
export function apkScripts({ name, afterInstall = "" }) {
  const known = `export root="\${IPKG_INSTROOT}"\nexport pkgname="${name}"\n`;
  const install = `${NO_SCRIPT}${GUARD}${known}add_group_and_user\ndefault_postinst\n${afterInstall}`;
  return {
    "post-install": `#!/bin/sh\n${install}`,
    "pre-deinstall": `#!/bin/sh\n${GUARD}${known}default_prerm\n`,
    // Instead of post-install; without the word, services that the owner has disabled would be enabled again.
    "post-upgrade": `#!/bin/sh\nexport PKG_UPGRADE=1\n${install}`,
  };
}

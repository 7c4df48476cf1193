/** A Chromium for tests that look at the dashboard as a person does: found or fetched; whoever drives it starts it. */
import { fromDebian } from './debian.ts';
import { type FindOptions, findProgram, fromPath, fromVariable, type Program } from './program.ts';

/** `CHROMIUM_BIN` → PATH → Debian package, unpacked (139 MB to download). Throws `LSH_PROGRAM_MISSING`. */
export function findChromium(options: FindOptions = {}): Promise<Program> {
  return findProgram(
    {
      name: 'chromium',
      versionFlag: '--version',
      sources: [
        fromVariable('CHROMIUM_BIN'),
        fromPath(['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']),
        // The package's own `usr/bin/chromium` is a script that looks for the rest under /usr.
        fromDebian(['chromium', 'chromium-common'], 'usr/lib/chromium/chromium', { deep: true }),
      ],
      remedy: 'Set CHROMIUM_BIN to a Chromium or Chrome, or put one on the PATH, or allow downloads by unsetting LONGSHORE_NO_DOWNLOAD.',
    },
    options,
  );
}

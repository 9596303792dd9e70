# Started with the directory of one test process as $1 and a pipe from that process as standard input. The pipe
# closes when the process ends, however it ends; then whatever works below the directory ends, and it is removed.
cat >/dev/null
below() { find /proc -maxdepth 2 -name cwd -lname "$1/*" 2>/dev/null | cut -d/ -f3; }

round=0
while pids=$(below "$1"); [ -n "$pids" ]; do
    # A server told to quit cleans up its shared memory; one that is stopped has to go on to hear it.
    if [ $round -eq 0 ]; then kill -QUIT $pids; kill -CONT $pids; fi
    if [ $round -ge 60 ]; then kill -KILL $pids; fi
    round=$((round + 1))
    sleep 0.1
done
rm -rf "$1"
